#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// The widest rows that int8_top_k takes: their products fit 32 bits.
inline constexpr std::int64_t kMaxInt8Dim = 131071;

/// The k rows of a database of signed bytes with the largest scores for every query, without
/// storing the scores: score_ij = scale_j * (q_i . c_j). The product is exact in int32; it is then
/// rounded to float32 and scaled in float32.
///
/// `scale` makes a cosine of the product: one over the length of the row. Codes of a
/// `ScalarQuantizer` (int8) less 128 are rows; a query times `step()` is then to be turned into
/// bytes on a scale of its own, which orders no row differently. What is left of the offset then
/// adds one number to all products of a query, so with these codes `scale` is to be empty.
///
/// @param queries [n, d]  @param database [m, d]  @param scale [m], or empty for ones
/// @param[out] indices [n, k], the largest score first; among equal scores the lower index first
/// @param[out] scores [n, k]; may be empty
/// k is the number of columns of indices: 1 <= k <= min(m, kMaxNeighbors) of nearest.hpp. A score
/// that is NaN counts as minus infinity.
/// @throws Error if a shape or a device differs, k is out of range, or d is 0 or more than
///   kMaxInt8Dim.
/// Deterministic: yes; the same on every device. Scratch: O(n k), on the CPU also 128 bytes per
/// thread and column, and 2 bytes per number of 128 queries.
void int8_top_k(Context& context, MatrixView<const std::int8_t> queries,
                MatrixView<const std::int8_t> database, VectorView<const float> scale,
                MatrixView<std::int32_t> indices, MatrixView<float> scores);

}  // namespace clipk
