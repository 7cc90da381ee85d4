#pragma once

#include <cstdint>

#include "clipk/core/view.hpp"

namespace clipk::cpu {

/// The k columns of the least cosine distance of every row, and the rows of every column, from one
/// pass over tiles of distances. Scales are 1 / |row|.
/// @param[out] cols_of_row [n, k] with their distances  @param[out] rows_of_col [m, k'] likewise
void cosine_tops(int threads, MatrixView<const float> x, const float* x_scales,
                 MatrixView<const float> y, const float* y_scales,
                 MatrixView<std::int32_t> cols_of_row, MatrixView<float> row_distances,
                 MatrixView<std::int32_t> rows_of_col, MatrixView<float> col_distances);

}  // namespace clipk::cpu
