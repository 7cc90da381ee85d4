#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/ops/mse_loss.hpp"

namespace clipk::gpu {

inline constexpr std::int64_t kMseMaxBlocks = 1024;

struct MseScratch {
  double partials[kMseMaxBlocks];
  unsigned ticket;  ///< 0 before the call
};

/// Views are of device memory, not empty. Shapes as in clipk::mse_loss.
void mse_loss(MatrixView<const float> y, MatrixView<const float> target, float weight, double* loss,
              MatrixView<float> grad, MseScratch* scratch, cudaStream_t stream);

}  // namespace clipk::gpu
