#include "linalg/triangular.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/math/math.hpp"
#include "core/parallel.hpp"
#include "linalg/fixed_dot.hpp"

namespace clipk::cpu {
namespace {

constexpr std::int64_t kRows = 16;  // per task

}  // namespace

bool cholesky(MatrixView<double> a) {
  for (std::int64_t i = 0; i < a.rows; ++i) {
    double* const row = a.row(i);
    for (std::int64_t j = 0; j < i; ++j) {
      row[j] = (row[j] - fixed_dot(row, a.row(j), j)) / a(j, j);
    }
    const double square = row[i] - fixed_dot(row, row, i);
    if (!(square > 0)) return false;
    row[i] = std::sqrt(square);
    std::fill(row + i + 1, row + a.cols, 0.0);
  }
  return true;
}

void solve_lower(int threads, MatrixView<const double> lower, MatrixView<double> rows) {
  parallel_chunks(threads, rows.rows, kRows, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t r = first; r < first + count; ++r) {
      double* const x = rows.row(r);
      for (std::int64_t i = 0; i < rows.cols; ++i) {
        x[i] = (x[i] - fixed_dot(lower.row(i), x, i)) / lower(i, i);
      }
    }
  });
}

void solve_lower_transposed(int threads, MatrixView<const double> lower, MatrixView<double> rows) {
  parallel_chunks(threads, rows.rows, kRows, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t r = first; r < first + count; ++r) {
      double* const x = rows.row(r);
      for (std::int64_t i = rows.cols - 1; i >= 0; --i) {
        x[i] /= lower(i, i);
        for (std::int64_t j = 0; j < i; ++j) x[j] -= x[i] * lower(i, j);
      }
    }
  });
}

double log_abs_determinant(Matrix<double> a) {
  const std::int64_t n = a.rows();
  double result = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < n; ++i) {
      if (std::abs(a(i, k)) > std::abs(a(pivot, k))) pivot = i;
    }
    if (a(pivot, k) == 0) return -std::numeric_limits<double>::infinity();
    if (pivot != k) std::swap_ranges(&a(k, 0), &a(k, 0) + n, &a(pivot, 0));
    result += math::log(std::abs(a(k, k)));
    for (std::int64_t i = k + 1; i < n; ++i) {
      const double factor = a(i, k) / a(k, k);
      for (std::int64_t j = k + 1; j < n; ++j) a(i, j) -= factor * a(k, j);
    }
  }
  return result;
}

}  // namespace clipk::cpu
