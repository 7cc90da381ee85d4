#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/ops/adam.hpp"

namespace clipk::gpu {

/// Pointers are device memory. Shapes as in clipk::adam.
void adam(const AdamOptions& options, const float* rates, const float* gradients, std::int64_t n,
          float* parameters, float* m, float* v, cudaStream_t stream);

}  // namespace clipk::gpu
