#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/ops/factor_pair_loss.hpp"

namespace clipk::gpu {

inline constexpr std::int64_t kPairLossMaxBlocks = 1024;

struct FactorPairLossScratch {
  double partials[kPairLossMaxBlocks];
  unsigned ticket;  ///< 0 before the call
};

/// Views and pointers are of device memory, z not empty. Shapes as in clipk::factor_pair_loss.
void factor_pair_loss(MatrixView<const float> z, const float* log_det,
                      MatrixView<const float> shared, const std::int32_t* blocks,
                      VectorView<const float> rho, double* loss, MatrixView<float> grad_z,
                      float* grad_log_det, FactorPairLossScratch* scratch, cudaStream_t stream);

}  // namespace clipk::gpu
