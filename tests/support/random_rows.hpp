#pragma once

#include <cmath>

#include "support/arrays.hpp"

namespace clipk::test {

inline Matrix<float> random_rows(std::int64_t n, std::int64_t d, std::uint64_t seed) {
  Context context = Context::cpu();
  const std::vector<float> values = normals(n * d, seed);
  return Matrix<float>::copy_of(context, MatrixView<const float>(values.data(), n, d));
}

/// The same rows with noise on them.
inline Matrix<float> noisy(const Matrix<float>& rows, std::uint64_t seed, float noise) {
  Matrix<float> result = random_rows(rows.rows(), rows.cols(), seed);
  for (std::int64_t i = 0; i < rows.rows() * rows.cols(); ++i) {
    result.data()[i] = rows.data()[i] + noise * result.data()[i];
  }
  return result;
}

inline double plain_cosine(MatrixView<const float> x, std::int64_t i, MatrixView<const float> y,
                           std::int64_t j) {
  double ab = 0, aa = 0, bb = 0;
  for (std::int64_t k = 0; k < x.cols; ++k) {
    const double a = x(i, k), b = y(j, k);
    ab += a * b;
    aa += a * a;
    bb += b * b;
  }
  return ab / std::sqrt(aa) / std::sqrt(bb);
}

}  // namespace clipk::test
