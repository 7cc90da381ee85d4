#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Which scores of `pq_top_k` are the best.
enum class PqOrder : std::uint8_t {
  smallest_first,  ///< of distances
  largest_first,   ///< of inner products
};

/// The k codes of a database with the best scores for every query, without storing the scores. The
/// score of code j for query i is a sum of numbers looked up, one for each of m sub-vectors:
///
///   score_ij = sum over s of tables[i, s, code s of row j]
///
/// `ProductQuantizer` makes such codes and tables. Sums are float32, from s = 0 on, so a score has
/// the same bits on every device.
///
/// @param tables [n, m, c] of finite numbers, c = 256 or 16, contiguous
/// @param codes [database rows, bytes]: with c = 256 a byte a code, bytes = m; with c = 16 two
///   codes a byte, the first in the low half, bytes = (m + 1) / 2
/// @param[out] indices [n, k], best first; among equal scores the lower index first
/// @param[out] scores [n, k]; may be empty
/// k is the number of columns of indices: 1 <= k <= min(database rows, kMaxNeighbors) of
/// nearest.hpp. A score that is NaN comes last.
/// @throws Error if a shape or a device differs, k is out of range, or c is neither 256 nor 16.
/// Deterministic: yes; the same on every device. Scratch: O(n k), on the CPU also 64 m c + 32 KB
/// per thread.
/// Sources: Jegou, Douze and Schmid, IEEE TPAMI 33 (2011).
void pq_top_k(Context& context, BatchView<const float> tables, MatrixView<const std::uint8_t> codes,
              PqOrder order, MatrixView<std::int32_t> indices, MatrixView<float> scores);

}  // namespace clipk
