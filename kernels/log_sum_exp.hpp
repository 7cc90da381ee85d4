#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/core/device.hpp"
#include "clipk/core/view.hpp"

namespace clipk::gpu {

/// How the table is cut: tiles of rows, and the columns into chunks of whole tiles so that there
/// are blocks for all multiprocessors.
struct LogSumExpPlan {
  LogSumExpPlan(std::int64_t n, std::int64_t m, int multiprocessors);

  std::int64_t row_tiles;
  std::int64_t chunk_tiles;
  std::int64_t chunks;
};

/// A sum of exponentials: sum * exp(top).
struct ScaledSum {
  double top;
  double sum;
};

/// Shapes as in clipk::log_sum_exp; n > 0. offset may be null. parts [plan.chunks * n] is scratch.
void log_sum_exp(const LogSumExpPlan& plan, Precision precision, MatrixView<const float> x,
                 MatrixView<const float> y, double scale, const double* offset, ScaledSum* parts,
                 double* out, cudaStream_t stream);

}  // namespace clipk::gpu
