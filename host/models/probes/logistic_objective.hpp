#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "clipk/core/matrix.hpp"

namespace clipk {

/// The input of a linear map for each column: (x - shift) factor. Empty: x.
struct ColumnScales {
  std::vector<double> shift, factor;

  /// Means and 1 / deviations of the rows whose label is not below 0; factor 0 of a column that is
  /// constant there.  @param rows on the host
  static ColumnScales standardizing(MatrixView<const float> rows,
                                    std::span<const std::int32_t> labels);
  double operator()(float value, std::int64_t column) const {
    const auto j = static_cast<std::size_t>(column);
    return shift.empty() ? static_cast<double>(value) : (value - shift[j]) * factor[j];
  }
};

/// Scaled rows, block by block, in the type and on the device of the products: double on the CPU
/// (few rows are kept, many are computed again for each use), float on a GPU.
template <class T>
class ScaledBlocks {
 public:
  /// @param rows [n, d] on the host; the caller keeps rows and scales alive
  /// @param classes columns of the logits
  ScaledBlocks(Context& context, MatrixView<const float> rows, const ColumnScales& scales,
               std::int64_t classes);

  std::int64_t rows() const { return rows_.rows; }
  std::int64_t dim() const { return rows_.cols; }
  std::int64_t block_rows() const { return block_rows_; }

  /// f(first, x [count, d]) for all blocks in their order; a view may end with the call.
  template <class F>
  void each(Context& context, F&& f) {
    for (std::int64_t first = 0; first < rows(); first += block_rows_) {
      f(first, block(context, first, std::min(block_rows_, rows() - first)));
    }
  }

 private:
  MatrixView<const T> block(Context& context, std::int64_t first, std::int64_t count);
  void make(Context& context, std::int64_t first, std::int64_t count, MatrixView<T> out) const;

  MatrixView<const float> rows_;
  const ColumnScales& scales_;
  std::int64_t block_rows_;
  bool whole_;      // all rows are in made_
  Matrix<T> made_;  // otherwise one block
};

/// logits = x W^T + b, of parameters W [k, d] followed by b [k].
template <class T>
class LinearMap {
 public:
  LinearMap(Context& context, std::int64_t dim, std::int64_t classes)
      : weights_(context, classes, dim), bias_(context, 1, classes) {}

  void set(Context& context, std::span<const double> parameters);
  void logits(Context& context, MatrixView<const T> x, MatrixView<T> out) const;
  const Matrix<T>& weights() const { return weights_; }

 private:
  Matrix<T> weights_, bias_;
};

/// (sum of the losses of the rows with a class + penalty / 2 |W|^2) / their number, and its
/// gradient, of W [k, d] followed by b [k].
template <class T>
class LogisticObjective {
 public:
  /// @param targets [n]: which of the k classes, or below 0
  LogisticObjective(Context& context, ScaledBlocks<T>& rows, std::span<const std::int32_t> targets,
                    std::int64_t classes, double penalty);

  double operator()(std::span<const double> parameters, std::span<double> gradient);

 private:
  Context& context_;
  ScaledBlocks<T>& rows_;
  double penalty_;
  double known_ = 0;
  Matrix<std::int32_t> targets_;  // [1, n]
  LinearMap<T> map_;
  Matrix<T> grad_weights_, grad_bias_;
  Matrix<T> logits_;  // [block, k], then their gradient
  Matrix<double> loss_;
};

extern template class ScaledBlocks<float>;
extern template class ScaledBlocks<double>;
extern template class LinearMap<float>;
extern template class LinearMap<double>;
extern template class LogisticObjective<float>;
extern template class LogisticObjective<double>;

}  // namespace clipk
