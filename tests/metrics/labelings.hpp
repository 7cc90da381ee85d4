#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/view.hpp"

namespace clipk::test {

/// Labels below k that tests/golden/generators.py makes too.
inline std::vector<std::int32_t> random_labels(std::int64_t n, std::uint32_t k,
                                               std::uint32_t seed) {
  std::vector<std::int32_t> labels(static_cast<std::size_t>(n));
  std::uint32_t state = seed;
  for (std::int32_t& label : labels) {
    state = state * 1664525U + 1013904223U;
    label = static_cast<std::int32_t>((state >> 8) % k);
  }
  return labels;
}

struct Labelings {
  std::vector<std::int32_t> truth;
  std::vector<std::int32_t> predicted;
};

/// Two labelings that agree in about share / 8 of the points.
inline Labelings related_labels(std::int64_t n, std::uint32_t k, std::uint32_t seed,
                                std::uint32_t share) {
  Labelings result{random_labels(n, k, seed), random_labels(n, k, seed + 1)};
  const std::vector<std::int32_t> keep = random_labels(n, 8, seed + 2);
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (keep[i] < static_cast<std::int32_t>(share)) result.predicted[i] = result.truth[i];
  }
  return result;
}

template <class T>
VectorView<const T> view_of(const std::vector<T>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size())};
}

}  // namespace clipk::test
