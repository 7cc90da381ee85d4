#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace clipk {

/// The product of two float32 rows in float64: eight lanes, added in a fixed order, so that the
/// same rows always give the same bits.
inline double row_dot(const float* a, const float* b, std::int64_t n) {
  std::array<double, 8> lanes{};
  std::int64_t k = 0;
  for (; k + 8 <= n; k += 8) {
    for (std::size_t l = 0; l < 8; ++l) {
      lanes[l] += static_cast<double>(a[k + static_cast<std::int64_t>(l)]) *
                  static_cast<double>(b[k + static_cast<std::int64_t>(l)]);
    }
  }
  double sum = std::accumulate(lanes.begin(), lanes.end(), 0.0);
  for (; k < n; ++k) sum += static_cast<double>(a[k]) * static_cast<double>(b[k]);
  return sum;
}

}  // namespace clipk
