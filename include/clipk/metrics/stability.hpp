#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace clipk {

/// How much several labelings of the same points agree.
struct Stability {
  double mean = 0;                ///< mean adjusted Rand index of any two labelings
  double standard_deviation = 0;  ///< of the comparisons, divisor pairs - 1; 0 for one
  std::int64_t pairs = 0;         ///< comparisons of two labelings
};

/// Stability of a clustering over seeds: near 1 where every run finds the same partition. Points
/// with a negative label in one of two labelings are left out of their comparison.
///
/// @param labelings at least 2, of one size
/// @throws Error if there are fewer, or sizes differ.
Stability stability(std::span<const std::vector<std::int32_t>> labelings);

}  // namespace clipk
