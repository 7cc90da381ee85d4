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
/// @param known_only targets that are NaN are left out
void mse_loss(bool known_only, MatrixView<const float> y, MatrixView<const float> target,
              float weight, double* loss, MatrixView<float> grad, MseScratch* scratch,
              cudaStream_t stream);

}  // namespace clipk::gpu
