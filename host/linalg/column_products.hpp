#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "clipk/core/view.hpp"

namespace clipk {

/// Rows of a host matrix: those of `index`, or all where it is empty.
struct ChosenRows {
  MatrixView<const float> matrix;
  std::span<const std::int64_t> index = {};

  std::int64_t rows() const {
    return index.empty() ? matrix.rows : static_cast<std::int64_t>(index.size());
  }
  const float* row(std::int64_t i) const {
    return matrix.row(index.empty() ? i : index[static_cast<std::size_t>(i)]);
  }
};

/// The most rows that the functions below take. Up to this many equal float32 values have an exact
/// sum and mean in float64, so the squares of a constant column are exactly 0.
inline constexpr std::int64_t kMostRows = std::int64_t{1} << 29;

/// Statistics of each column of a matrix, in float64.
struct ColumnSpread {
  std::vector<double> means;
  std::vector<double> squares;  ///< sum of squared deviations from the mean
};

/// @throws Error that begins with `name` if a value is not finite.
ColumnSpread column_spread(int threads, const ChosenRows& rows, const char* name);

/// products [c, f] += sum over the rows of (x - mean of x's column) (y - mean of y's column).
/// Blocks of rows in order: the same bits for any number of threads.
void centred_products(int threads, const ChosenRows& x, const ColumnSpread& x_spread,
                      const ChosenRows& y, const ColumnSpread& y_spread,
                      MatrixView<double> products);

}  // namespace clipk
