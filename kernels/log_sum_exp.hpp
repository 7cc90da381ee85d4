#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/core/device.hpp"
#include "clipk/core/view.hpp"
#include "kernels/detail/chunk_plan.hpp"

namespace clipk::gpu {

/// A sum of exponentials: sum * exp(top).
struct ScaledSum {
  double top;
  double sum;
};

/// Shapes as in clipk::log_sum_exp; n > 0. offset may be null. parts [plan.chunks * n] is scratch.
void log_sum_exp(const ChunkPlan& plan, Precision precision, MatrixView<const float> x,
                 MatrixView<const float> y, double scale, const double* offset, ScaledSum* parts,
                 double* out, cudaStream_t stream);

}  // namespace clipk::gpu
