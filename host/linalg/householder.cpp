#include "linalg/householder.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/parallel.hpp"
#include "linalg/fixed_dot.hpp"

namespace clipk::cpu {
namespace {

// x = (I - tau v v^T) x.
void reflect(const double* v, double tau, std::int64_t n, double* x) {
  const double along = tau * fixed_dot(v, x, n);
  for (std::int64_t i = 0; i < n; ++i) x[i] -= along * v[i];
}

}  // namespace

double make_reflector(double* x, std::int64_t n, double& value) {
  value = x[0];
  const double rest = fixed_dot(x + 1, x + 1, n - 1);
  x[0] = 1;
  // Smaller sums of squares have lost digits to underflow. Beside values near 1 such elements count
  // as 0.
  if (rest < 1e-290) {
    std::fill(x + 1, x + n, 0.0);
    return 0;
  }
  const double first = value;
  value = -std::copysign(std::sqrt(first * first + rest), first);
  for (std::int64_t i = 1; i < n; ++i) x[i] /= first - value;
  return (value - first) / value;
}

Matrix<double> orthonormal_rows(int threads, MatrixView<const double> rows, std::int64_t count) {
  const std::int64_t d = rows.cols;
  Matrix<double> reflectors(rows.rows, d);
  std::vector<double> tau(static_cast<std::size_t>(rows.rows));
  const auto turn = [&](std::int64_t r, double* x) {
    reflect(reflectors.view().row(r) + r, tau[static_cast<std::size_t>(r)], d - r, x + r);
  };
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    double* const row = reflectors.view().row(r);
    std::copy_n(rows.row(r), d, row);
    for (std::int64_t before = 0; before < r; ++before) turn(before, row);
    double value = 0;
    tau[static_cast<std::size_t>(r)] = make_reflector(row + r, d - r, value);
  }
  Matrix<double> result(count, d);
  parallel_chunks(threads, count, 16, [&](std::int64_t first, std::int64_t size) {
    for (std::int64_t i = first; i < first + size; ++i) result(i, i) = 1;
    // Applies one reflector at a time, while it is in cache. The reflectors after row i do not
    // change its 1.
    for (std::int64_t r = std::min(rows.rows, first + size) - 1; r >= 0; --r) {
      for (std::int64_t i = std::max(first, r); i < first + size; ++i) {
        turn(r, result.view().row(i));
      }
    }
  });
  return result;
}

}  // namespace clipk::cpu
