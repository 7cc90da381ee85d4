#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/metric.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// The most neighbours of a row that nearest finds.
inline constexpr std::int64_t kMaxNeighbors = 128;

/// How `nearest` compares rows.
struct NearestOptions {
  Metric metric = Metric::euclidean;  ///< between rows
  /// Leaves out database row i for query row i (for a search of a set within itself).
  bool exclude_self = false;
};

/// The k rows of a database nearest to every query, without storing the distance matrix.
///
/// @param queries [n, d]  @param database [m, d]
/// @param[out] indices [n, k], nearest first; among equal distances the lower index first
/// @param[out] distances [n, k], in the units of the metric; may be empty
/// k is the number of columns of indices: 1 <= k <= min(m - exclude_self, kMaxNeighbors).
/// Distances are those of pairwise_distance, also for near rows; NaN counts as infinite.
/// @throws Error if a shape or a device differs, k is out of range, or under cosine if a row has
///   length zero (checked on the CPU; on CUDA its distances are NaN).
/// Deterministic: yes. Scratch: O(n k + m), and on the CPU up to 1 MB per thread.
void nearest(Context& context, MatrixView<const float> queries, MatrixView<const float> database,
             const NearestOptions& options, MatrixView<std::int32_t> indices,
             MatrixView<float> distances);
/// In double precision; CPU only.
void nearest(Context& context, MatrixView<const double> queries, MatrixView<const double> database,
             const NearestOptions& options, MatrixView<std::int32_t> indices,
             MatrixView<double> distances);

}  // namespace clipk
