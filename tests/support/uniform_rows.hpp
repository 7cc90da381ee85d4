#pragma once

#include <cstdint>

#include "clipk/core/matrix.hpp"

namespace clipk::test {

/// Numbers that tests/golden/make_metrics.py makes too, bit by bit: a linear congruential sequence
/// in [-.5, .5), column j divided by 1 + j / 2 so that directions differ in spread.
inline Matrix<float> uniform_rows(std::int64_t rows, std::int64_t cols, std::uint32_t seed) {
  Matrix<float> m(rows, cols);
  std::uint32_t state = seed;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      state = state * 1664525U + 1013904223U;
      const double value = static_cast<double>(state >> 8) * 0x1p-24 - 0.5;
      m(i, j) = static_cast<float>(value / (1 + static_cast<double>(j) / 2));
    }
  }
  return m;
}

}  // namespace clipk::test
