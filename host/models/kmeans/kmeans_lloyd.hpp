#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/models/kmeans.hpp"

namespace clipk {

struct LloydOptions {
  std::int64_t max_iterations = 300;
  double tolerance = 0;  ///< least sum of squared moves of the centres
  bool spherical = false;
};

struct LloydResult {
  KMeansRun run;
  Matrix<float> centres;             ///< [k, d], on the host
  std::vector<std::int32_t> labels;  ///< [n] nearest to these centres
};

/// Lloyd's algorithm from several sets of centres [k, d] on the host, at the same time: they share
/// every read of the rows, but do not influence each other.
///
/// @param host the rows on the host  @param rows the same on the context's device
std::vector<LloydResult> run_lloyd(Context& context, MatrixView<const float> host,
                                   MatrixView<const float> rows, std::vector<Matrix<float>> starts,
                                   const LloydOptions& options);

/// Host rows scaled to unit length as run_lloyd scales centres (scale_to_unit_length).
Matrix<float> row_directions(MatrixView<const float> rows);

}  // namespace clipk
