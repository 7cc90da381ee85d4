#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "support/arrays.hpp"

namespace clipk::test {

inline std::vector<float> positive(std::int64_t n, std::uint64_t seed) {
  std::vector<float> values = normals(n, seed);
  for (float& value : values) value = std::fabs(value);
  return values;
}

// A target that is symmetric with a zero diagonal.
inline std::vector<float> symmetric(std::int64_t n, std::uint64_t seed) {
  std::vector<float> values = positive(n * n, seed);
  for (std::int64_t i = 0; i < n; ++i) {
    values[i * n + i] = 0;
    for (std::int64_t j = 0; j < i; ++j) values[i * n + j] = values[j * n + i];
  }
  return values;
}

}  // namespace clipk::test
