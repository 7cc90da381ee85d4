#pragma once

#include <cstdint>

namespace clipk::cpu {

/// x . y in eight partial sums on every processor, for work that is small beside a matrix product.
/// The sums are added by halves, unlike those of core/row_dot.hpp (for float32 rows); the golden
/// bytes depend on either order.
inline double fixed_dot(const double* x, const double* y, std::int64_t n) {
  double sums[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int lane = 0; lane < 8; ++lane) sums[lane] += x[i + lane] * y[i + lane];
  }
  for (int lane = 0; i < n; ++i, ++lane) sums[lane] += x[i] * y[i];
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

}  // namespace clipk::cpu
