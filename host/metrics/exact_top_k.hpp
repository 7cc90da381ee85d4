#pragma once

#include <cstdint>
#include <functional>

#include "clipk/core/matrix.hpp"
#include "clipk/ops/nearest.hpp"

namespace clipk {

/// Neighbours beyond the k-th that exact_top_k searches.
inline constexpr std::int64_t kSpareNeighbors = 8;
/// The largest k of exact_top_k.
inline constexpr std::int64_t kMaxTopK = kMaxNeighbors - kSpareNeighbors;

/// @throws Error of `op` if k is not from 1 to min(rows, kMaxTopK). @param rows_of what the
/// candidates are, for the message
void check_top_k(const char* op, std::int64_t k, std::int64_t rows, const char* rows_of);

/// For every host row of queries, the k rows of candidates with the largest cosines, largest first,
/// as float64 arithmetic ranks them; among ties the lower index first. They are searched in float32
/// and computed again in float64; a query for which that does not settle the order is searched in
/// float64. No row may be zero or hold a value that is not finite.
///
/// visit(first, indices [rows, k], cosines [rows, k]) is called in the order of the queries, for
/// some thousand at a time, so memory does not grow with their number. A copy of the candidates is
/// held as well.
using TopKVisitor = std::function<void(std::int64_t first, MatrixView<const std::int32_t> indices,
                                       MatrixView<const double> cosines)>;
void exact_top_k(int threads, MatrixView<const float> queries, MatrixView<const float> candidates,
                 std::int64_t k, const TopKVisitor& visit);

}  // namespace clipk
