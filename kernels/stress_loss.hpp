#pragma once

#include <cuda_runtime_api.h>

#include "clipk/core/memory.hpp"
#include "clipk/ops/stress_loss.hpp"

namespace clipk::gpu {

/// Device memory; shapes as in clipk::stress_loss. With `within` set y is x, the distances those of
/// one set, and grad_y is empty. Takes what it needs from `scratch`.
void stress_loss(Scratch& scratch, MatrixView<const float> x, MatrixView<const float> y,
                 bool within, const TargetDistances& target, const StressOptions& options,
                 double* loss, MatrixView<float> grad_x, MatrixView<float> grad_y,
                 Precision precision, cudaStream_t stream);

}  // namespace clipk::gpu
