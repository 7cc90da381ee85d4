#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/metric.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// How silhouettes are computed.
struct SilhouetteOptions {
  Metric metric = Metric::euclidean;  ///< of the rows
  /// Above this many rows the mean is over this many, drawn without replacement, each still
  /// compared with all rows: an unbiased estimate. (scikit-learn's sample_size also reduces the
  /// rows compared with.) 0: all rows.
  std::int64_t sample = 0;
  std::uint64_t seed = 0;  ///< seed of the draw
};

/// Silhouette: how much nearer rows are to their own cluster than to the next, as the
/// mean over rows of
///   (b - a) / max(a, b),
/// where a is the mean distance to the other rows of the own cluster and b the smallest mean
/// distance to the rows of another cluster: from -1 to 1. 0 for the only row of a cluster, and
/// where a = b = 0. Rows with a negative label are left out.
///
/// Runs on the host whatever the context's device; distances in float32, their sums in float64, as
/// tiles of pairwise_distance: n x n is never stored. Memory: a copy of the rows and 4 MB, and 256
/// values per cluster.
/// @param rows [n, d]  @param labels [n], on the host
/// @throws Error if the sizes differ, a value is not finite, under cosine a row has length zero, or
///   there are not from 2 to n - 1 clusters among the n rows with a label.
/// Deterministic: yes. Source: Rousseeuw 1987.
double silhouette(Context& context, MatrixView<const float> rows,
                  VectorView<const std::int32_t> labels, const SilhouetteOptions& options = {});

}  // namespace clipk
