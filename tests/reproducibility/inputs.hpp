#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "clipk/core/matrix.hpp"

namespace clipk::golden {

/// Numbers for golden cases, one sequence of Philox. All arithmetic is exact or a single IEEE
/// operation after the other, without libm: the same inputs on every machine.
class Inputs {
 public:
  /// Uniform in [low, high), as a double rounded to T.
  template <class T = float>
  Matrix<T> uniform(std::int64_t rows, std::int64_t cols, double low = -1, double high = 1);
  /// Whole numbers in [0, n).
  Matrix<std::int32_t> below(std::int64_t rows, std::int64_t cols, std::uint32_t n);
  /// Rows of length one, to rounding.
  template <class T = float>
  Matrix<T> directions(std::int64_t rows, std::int64_t cols);
  /// Rows around centres of their own: row i belongs to centre i mod k. Coordinate j spreads like
  /// 1 / (1 + j / 4).
  Matrix<float> clustered(std::int64_t rows, std::int64_t cols, std::int64_t k);
  /// Rows near to others: each coordinate moved by up to `spread`.
  Matrix<float> near(MatrixView<const float> rows, double spread);

 private:
  std::uint32_t bits();
  double fraction();

  std::uint32_t block_ = 0;
  std::array<std::uint32_t, 4> words_{};
  std::size_t used_ = 4;
};

/// i mod k for each of n rows.
std::vector<std::int32_t> labels(std::int64_t n, std::int32_t k);

}  // namespace clipk::golden
