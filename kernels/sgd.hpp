#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/ops/sgd.hpp"

namespace clipk::gpu {

/// Pointers are device memory. Shapes as in clipk::sgd.
void sgd(const SgdOptions& options, const float* rate, const float* gradients, std::int64_t n,
         float* parameters, float* velocity, cudaStream_t stream);

}  // namespace clipk::gpu
