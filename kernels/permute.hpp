#pragma once

#include <cuda_runtime_api.h>

#include "clipk/ops/permute.hpp"

namespace clipk::gpu {

// Views are of device memory and not empty. Shapes as in clipk::permute and permute_inverse.

void permute(MatrixView<const float> x, const std::int32_t* order, MatrixView<float> y,
             cudaStream_t stream);

void permute_inverse(MatrixView<const float> y, const std::int32_t* order, MatrixView<float> x,
                     cudaStream_t stream);

}  // namespace clipk::gpu
