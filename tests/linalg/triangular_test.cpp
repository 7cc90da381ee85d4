#include "linalg/triangular.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "clipk/core/random.hpp"
#include "linalg/householder.hpp"

namespace clipk::test {
namespace {

Matrix<double> normals(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  Random random(seed);
  Matrix<double> a(rows, cols);
  for (std::int64_t i = 0; i < rows * cols; ++i) a.data()[i] = random.normal();
  return a;
}

double row_product(const Matrix<double>& a, std::int64_t i, const Matrix<double>& b,
                   std::int64_t j) {
  double sum = 0;
  for (std::int64_t k = 0; k < a.cols(); ++k) sum += a(i, k) * b(j, k);
  return sum;
}

Matrix<double> positive_definite(std::int64_t n) {
  const Matrix<double> rows = normals(n, 2 * n, 1);
  Matrix<double> a(n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) a(i, j) = row_product(rows, i, rows, j);
  }
  return a;
}

TEST(Triangular, CholeskyGivesTheMatrixBack) {
  for (const std::int64_t n : {1, 2, 17, 64}) {
    const Matrix<double> a = positive_definite(n);
    Matrix<double> lower = positive_definite(n);
    ASSERT_TRUE(cpu::cholesky(lower.view()));
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        EXPECT_NEAR(row_product(lower, i, lower, j), a(i, j), 1e-13 * a(i, i) * std::sqrt(n));
        if (j > i) {
          EXPECT_EQ(lower(i, j), 0);
        }
      }
    }
  }
}

TEST(Triangular, CholeskyRefusesWhatIsNotPositiveDefinite) {
  Matrix<double> a(2, 2);
  a(0, 0) = a(1, 1) = 1;
  a(1, 0) = a(0, 1) = 2;
  EXPECT_FALSE(cpu::cholesky(a.view()));
  Matrix<double> bad(1, 1);
  bad(0, 0) = std::nan("");
  EXPECT_FALSE(cpu::cholesky(bad.view()));
}

TEST(Triangular, SolvesUndoProducts) {
  constexpr std::int64_t n = 37;
  Matrix<double> lower = positive_definite(n);
  ASSERT_TRUE(cpu::cholesky(lower.view()));
  const Matrix<double> x = normals(50, n, 2);
  Matrix<double> down(50, n), up(50, n);
  for (std::int64_t r = 0; r < 50; ++r) {
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        down(r, i) += lower(i, j) * x(r, j);
        up(r, i) += lower(j, i) * x(r, j);
      }
    }
  }
  cpu::solve_lower(2, lower, down.view());
  cpu::solve_lower_transposed(2, lower, up.view());
  for (std::int64_t i = 0; i < 50 * n; ++i) {
    EXPECT_NEAR(down.data()[i], x.data()[i], 1e-11);
    EXPECT_NEAR(up.data()[i], x.data()[i], 1e-11);
  }
}

TEST(Triangular, LogDeterminant) {
  constexpr std::int64_t n = 40;
  Matrix<double> lower = positive_definite(n);
  ASSERT_TRUE(cpu::cholesky(lower.view()));
  double want = 0;
  for (std::int64_t i = 0; i < n; ++i) want += 2 * std::log(lower(i, i));
  EXPECT_NEAR(cpu::log_abs_determinant(positive_definite(n)), want, 1e-11);

  Matrix<double> swapped(2, 2);  // needs a row exchange
  swapped(0, 1) = 3;
  swapped(1, 0) = -2;
  EXPECT_NEAR(cpu::log_abs_determinant(std::move(swapped)), std::log(6), 1e-15);
  EXPECT_EQ(cpu::log_abs_determinant(Matrix<double>(3, 3)), -INFINITY);
  EXPECT_EQ(cpu::log_abs_determinant(Matrix<double>(0, 0)), 0);
}

TEST(OrthonormalRows, KeepTheSpanAndCompleteTheBasis) {
  constexpr std::int64_t d = 29;
  for (const std::int64_t r : {0, 1, 5, 28, 29}) {
    SCOPED_TRACE(r);
    const Matrix<double> rows = normals(r, d, 3);
    const Matrix<double> basis = cpu::orthonormal_rows(2, rows, d);
    for (std::int64_t i = 0; i < d; ++i) {
      for (std::int64_t j = 0; j < d; ++j) {
        EXPECT_NEAR(row_product(basis, i, basis, j), i == j, 1e-14);
      }
    }
    for (std::int64_t i = 0; i < r; ++i) {  // row i lies in the span of the first i + 1
      for (std::int64_t j = i + 1; j < d; ++j) {
        EXPECT_NEAR(row_product(rows, i, basis, j), 0, 1e-13);
      }
    }
  }
}

}  // namespace
}  // namespace clipk::test
