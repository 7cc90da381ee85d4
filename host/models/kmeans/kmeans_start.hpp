#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"

namespace clipk {

/// Greedy k-means++ for several restarts at once: of 2 + log k candidates, drawn in proportion to
/// their squared distance from the centres chosen before, the one that gives the least sum of
/// squared distances. Restart r draws from step r of the context's seed.
///
/// @param host the rows on the host  @param rows the same on the context's device
/// @return [restarts, k] indices of rows
std::vector<std::vector<std::int64_t>> kmeans_start(Context& context, MatrixView<const float> host,
                                                    MatrixView<const float> rows, std::int64_t k,
                                                    std::int64_t first_restart,
                                                    std::int64_t restarts);

}  // namespace clipk
