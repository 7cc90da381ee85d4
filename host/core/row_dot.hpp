#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>

// Sums along a row of float32 in float64. The order of additions is fixed on every processor: the
// same rows always give the same bits. (linalg/fixed_dot.hpp is for rows of double. It adds in
// another order, on which the bytes of eigenvectors depend.)
namespace clipk {

/// The sum of term(k) for k = 0 ... n - 1: eight lanes, added one after the other, then the rest.
template <class Term>
double lane_sum(std::int64_t n, Term&& term) {
  std::array<double, 8> lanes{};
  std::int64_t k = 0;
  for (; k + 8 <= n; k += 8) {
    for (std::size_t l = 0; l < 8; ++l) lanes[l] += term(k + static_cast<std::int64_t>(l));
  }
  double sum = std::accumulate(lanes.begin(), lanes.end(), 0.0);
  for (; k < n; ++k) sum += term(k);
  return sum;
}

/// The dot product of two rows.
inline double row_dot(const float* a, const float* b, std::int64_t n) {
  return lane_sum(
      n, [&](std::int64_t k) { return static_cast<double>(a[k]) * static_cast<double>(b[k]); });
}

/// The sum of a row.
inline double row_sum(const float* values, std::int64_t n) {
  return lane_sum(n, [&](std::int64_t k) { return static_cast<double>(values[k]); });
}

}  // namespace clipk
