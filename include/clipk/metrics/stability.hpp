#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace clipk {

/// How much several labelings of the same points agree.
struct Stability {
  double mean = 0;                ///< of the adjusted Rand index over all pairs of labelings
  double standard_deviation = 0;  ///< over the pairs, with pairs - 1 below; 0 for a single pair
  std::int64_t pairs = 0;         ///< of labelings that were compared
};

/// Stability of a clustering over seeds: near 1 where every run finds the same partition. Points
/// with a negative label in one of a pair are left out of that pair.
///
/// @param labelings at least 2, of one size
/// @throws Error if there are fewer, or sizes differ.
Stability stability(std::span<const std::vector<std::int32_t>> labelings);

}  // namespace clipk
