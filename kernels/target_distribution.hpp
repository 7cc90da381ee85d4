#pragma once

#include <cuda_runtime_api.h>

#include "clipk/core/memory.hpp"
#include "clipk/ops/target_distribution.hpp"

namespace clipk::gpu {

/// Views are of device memory, not empty. Shapes as in clipk::target_distribution.
void target_distribution(MatrixView<const float> q, const double* column_sums, MatrixView<float> p,
                         cudaStream_t stream);

/// @param column_sums or null
void balanced_target(Scratch& scratch, MatrixView<const float> q,
                     const BalancedTargetOptions& options, MatrixView<float> p, double* column_sums,
                     cudaStream_t stream);

}  // namespace clipk::gpu
