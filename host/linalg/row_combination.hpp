#pragma once

#include <cstdint>

#include "clipk/core/matrix.hpp"

// Operations of an eigenvalue solver on the rows of a matrix, one vector of columns at a time.
namespace clipk::cpu {

/// out[c] += sum over r of factors[r] rows(r, c), as one chain of fused multiply-adds over r.
/// Columns are shared between the threads.
void add_row_combination(int threads, const double* factors, MatrixView<const double> rows,
                         double* out);

/// Rotates rows `row` and `row + 1` of a matrix to (c x + s y, c y - s x).
struct Rotation {
  std::int64_t row;
  double c, s;
};

/// Applies rotations in their order to all columns, which are shared between the threads.
void rotate_rows(int threads, const Rotation* rotations, std::int64_t count,
                 MatrixView<double> matrix);

}  // namespace clipk::cpu
