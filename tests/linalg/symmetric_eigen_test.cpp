#include "linalg/symmetric_eigen.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"

namespace clipk::test {
namespace {

Matrix<double> symmetric(std::int64_t n, std::uint64_t seed) {
  Random random(seed);
  Matrix<double> a(n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) a(i, j) = a(j, i) = random.normal();
  }
  return a;
}

double norm(const Matrix<double>& a) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.rows() * a.cols(); ++i) sum += a.data()[i] * a.data()[i];
  return std::sqrt(sum);
}

/// |A v - value v| of every eigenvector, over |A|, and |v_i . v_j - (i == j)|.
void expect_eigenpairs(const Matrix<double>& a, const cpu::SymmetricEigen& found) {
  const std::int64_t n = a.rows();
  ASSERT_EQ(found.values.size(), static_cast<std::size_t>(n));
  ASSERT_EQ(found.vectors.rows(), n);
  const double allowed = 4 * static_cast<double>(n + 4) * std::numeric_limits<double>::epsilon();
  const double size = norm(a);
  for (std::int64_t v = 0; v < n; ++v) {
    const double value = found.values[static_cast<std::size_t>(v)];
    if (v > 0) {
      EXPECT_GE(value, found.values[static_cast<std::size_t>(v - 1)]);
    }
    for (std::int64_t i = 0; i < n; ++i) {
      double product = 0, overlap = 0;
      for (std::int64_t j = 0; j < n; ++j) {
        product += a(i, j) * found.vectors(v, j);
        overlap += found.vectors(i, j) * found.vectors(v, j);
      }
      ASSERT_LE(std::abs(product - value * found.vectors(v, i)), allowed * size) << v << ", " << i;
      ASSERT_LE(std::abs(overlap - (i == v ? 1 : 0)), allowed) << v << ", " << i;
    }
  }
}

TEST(SymmetricEigen, RandomMatrices) {
  for (const std::int64_t n : {0, 1, 2, 3, 17, 32, 33, 34, 65, 113, 257}) {
    SCOPED_TRACE(n);
    const Matrix<double> a = symmetric(n, static_cast<std::uint64_t>(n));
    expect_eigenpairs(a, cpu::symmetric_eigen(1, a));
  }
}

TEST(SymmetricEigen, KnownValues) {
  constexpr std::int64_t n = 60;  // second differences
  Matrix<double> a(n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    a(i, i) = 2;
    if (i > 0) a(i, i - 1) = a(i - 1, i) = -1;
  }
  const cpu::SymmetricEigen found = cpu::symmetric_eigen(1, a);
  expect_eigenpairs(a, found);
  for (std::int64_t k = 0; k < n; ++k) {
    const double want = 2 - 2 * std::cos(static_cast<double>(k + 1) * std::numbers::pi / (n + 1));
    EXPECT_NEAR(found.values[static_cast<std::size_t>(k)], want, 1e-14);
  }
}

TEST(SymmetricEigen, RepeatedValuesAndScales) {
  constexpr std::int64_t n = 70;
  for (const double scale : {0.0, 1e-300, 1.0, 1e300}) {
    SCOPED_TRACE(scale);
    Matrix<double> one(n, n), blocks(n, n), graded = symmetric(n, 3);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        one(i, j) = scale;  // of rank one
        blocks(i, j) = i / 10 == j / 10 ? scale : 0;
        graded(i, j) *= scale * std::pow(10.0, -static_cast<double>(i + j) / 10);
      }
    }
    if (scale == 1e300) {  // the squares in expect_eigenpairs would overflow
      EXPECT_NEAR(cpu::symmetric_eigen(1, one).values.back() / 1e300, n, 1e-12);
      continue;
    }
    for (const Matrix<double>* a : {&one, &blocks, &graded}) {
      cpu::SymmetricEigen found = cpu::symmetric_eigen(1, *a);
      if (scale != 1e-300) {
        expect_eigenpairs(*a, found);
      } else {
        EXPECT_GT(found.values.back(), 0);
      }
    }
  }
}

TEST(SymmetricEigen, BlocksFarBelowOthersKeepTheVectorsOrthonormal) {
  for (const double tiny : {1e-161, 2e-162, 1.7e-162, 1e-170}) {
    SCOPED_TRACE(tiny);
    Matrix<double> a(6, 6);
    for (std::int64_t i = 0; i < 6; ++i) {
      for (std::int64_t j = 0; j < 6; ++j) a(i, j) = i / 3 == j / 3 ? (i < 3 ? tiny : 1) : 0;
    }
    expect_eigenpairs(a, cpu::symmetric_eigen(1, a));
  }
}

TEST(SymmetricEigen, TheSameBytesForAnyNumberOfThreads) {
  const Matrix<double> a = symmetric(300, 5);
  const cpu::SymmetricEigen one = cpu::symmetric_eigen(1, a);
  for (const int threads : {2, 5}) {
    const cpu::SymmetricEigen other = cpu::symmetric_eigen(threads, a);
    EXPECT_EQ(one.values, other.values);
    EXPECT_EQ(std::memcmp(one.vectors.data(), other.vectors.data(), 300 * 300 * sizeof(double)), 0);
  }
}

TEST(SymmetricEigen, BadMatricesAreNamed) {
  EXPECT_THROW(cpu::symmetric_eigen(1, Matrix<double>(2, 3)), Error);
  Matrix<double> a(2, 2);
  a(1, 0) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(cpu::symmetric_eigen(1, a), Error);
}

}  // namespace
}  // namespace clipk::test
