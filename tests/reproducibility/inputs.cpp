#include "reproducibility/inputs.hpp"

#include <cmath>

#include "clipk/core/random.hpp"

namespace clipk::golden {

std::uint32_t Inputs::bits() {
  if (used_ == words_.size()) {
    words_ = philox4x32_10({block_++, 0, 0, 0}, {0x676f6c64, 0x656e});
    used_ = 0;
  }
  return words_[used_++];
}

double Inputs::fraction() {
  const std::uint64_t high = bits();
  return static_cast<double>((high << 32 | bits()) >> 11) * 0x1p-53;
}

template <class T>
Matrix<T> Inputs::uniform(std::int64_t rows, std::int64_t cols, double low, double high) {
  Matrix<T> m(rows, cols);
  for (T& value : m.flat()) value = static_cast<T>(low + (high - low) * fraction());
  return m;
}

Matrix<std::int32_t> Inputs::below(std::int64_t rows, std::int64_t cols, std::uint32_t n) {
  Matrix<std::int32_t> m(rows, cols);
  for (std::int32_t& value : m.flat()) value = static_cast<std::int32_t>(random_below(bits(), n));
  return m;
}

template <class T>
Matrix<T> Inputs::directions(std::int64_t rows, std::int64_t cols) {
  Matrix<T> m(rows, cols);
  for (std::int64_t i = 0; i < rows; ++i) {
    const Matrix<double> row = uniform<double>(1, cols);
    double sum = 0;
    for (const double value : row.flat()) sum += value * value;
    const double length = std::sqrt(sum);  // exact to half a unit everywhere
    for (std::int64_t j = 0; j < cols; ++j) m(i, j) = static_cast<T>(row(0, j) / length);
  }
  return m;
}

Matrix<float> Inputs::clustered(std::int64_t rows, std::int64_t cols, std::int64_t k) {
  const Matrix<float> centres = uniform(k, cols, -2, 2);
  Matrix<float> m = uniform(rows, cols, -0.5, 0.5);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      const float spread = 1 + static_cast<float>(j) / 4;
      m(i, j) = (m(i, j) + centres(i % k, j)) / spread;
    }
  }
  return m;
}

Matrix<float> Inputs::near(MatrixView<const float> rows, double spread) {
  Matrix<float> m = uniform(rows.rows, rows.cols, -spread, spread);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t j = 0; j < rows.cols; ++j) m(i, j) += rows(i, j);
  }
  return m;
}

std::vector<std::int32_t> labels(std::int64_t n, std::int32_t k) {
  std::vector<std::int32_t> all(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i] = static_cast<std::int32_t>(i % static_cast<std::size_t>(k));
  }
  return all;
}

template Matrix<float> Inputs::uniform(std::int64_t, std::int64_t, double, double);
template Matrix<double> Inputs::uniform(std::int64_t, std::int64_t, double, double);
template Matrix<float> Inputs::directions(std::int64_t, std::int64_t);
template Matrix<double> Inputs::directions(std::int64_t, std::int64_t);

}  // namespace clipk::golden
