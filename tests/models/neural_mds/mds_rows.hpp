#pragma once

#include <cmath>
#include <cstdint>

#include "clipk/core/matrix.hpp"
#include "clipk/core/random.hpp"

namespace clipk::test {

struct MdsRows {
  Matrix<float> images, texts;
};

// Unit rows that share a latent with a falling spectrum, a gap between the modalities, and noise.
inline MdsRows make_pairs(std::int64_t n, std::int64_t dim, double fall = 0.5,
                          double noise = 0.15) {
  Random random(5, RandomStream::data);
  MdsRows rows{Matrix<float>(n, dim), Matrix<float>(n, dim)};
  for (std::int64_t i = 0; i < n; ++i) {
    double lengths[2] = {};
    for (std::int64_t j = 0; j < dim; ++j) {
      const double shared = random.normal() / std::pow(1.0 + static_cast<double>(j), fall);
      for (int m = 0; m < 2; ++m) {
        const double gap = (m == 0) == (j % 2 == 0) ? 0.1 : -0.1;
        const double value = shared + noise * random.normal() + gap;
        (m == 0 ? rows.images : rows.texts)(i, j) = static_cast<float>(value);
        lengths[m] += value * value;
      }
    }
    for (std::int64_t j = 0; j < dim; ++j) {
      rows.images(i, j) /= static_cast<float>(std::sqrt(lengths[0]));
      rows.texts(i, j) /= static_cast<float>(std::sqrt(lengths[1]));
    }
  }
  return rows;
}

}  // namespace clipk::test
