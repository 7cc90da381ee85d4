#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// The largest cosines between two sets of rows, in both directions, without storing the table: of
/// every row of x the k nearest rows of y, and of every row of y the k' nearest rows of x.
///
/// k and k' are the numbers of columns of the outputs: 1 <= k <= min(m, 128), 1 <= k' <= min(n,
/// 128). The largest cosine comes first, of equal ones the lower index. Cosines are 1 minus the
/// distances of `nearest` under Metric::cosine: float32, computed from the difference of the rows
/// where these are near. Rows need no unit length.
///
/// @param x [n, d]  @param y [m, d]
/// @param[out] indices_of_x [n, k] rows of y  @param[out] cosines_of_x [n, k]
/// @param[out] indices_of_y [m, k'] rows of x  @param[out] cosines_of_y [m, k']
/// @throws Error if a shape or a device differs, a side is empty, k or k' is out of range, or (on
///   the CPU) a value is not finite or a row has length zero.
/// Deterministic: yes, whatever the number of threads. Scratch on the CPU: n + m floats, 32 m k'
/// candidates and one tile per thread; also a copy of a side whose rows have lengths beyond 1e-15
/// to 1e15. On CUDA: as two calls of `nearest`.
void cosine_top_k(Context& context, MatrixView<const float> x, MatrixView<const float> y,
                  MatrixView<std::int32_t> indices_of_x, MatrixView<float> cosines_of_x,
                  MatrixView<std::int32_t> indices_of_y, MatrixView<float> cosines_of_y);

}  // namespace clipk
