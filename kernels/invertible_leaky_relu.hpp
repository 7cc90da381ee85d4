#pragma once

#include <cuda_runtime_api.h>

#include "clipk/ops/invertible_leaky_relu.hpp"

namespace clipk::gpu {

// Views are of device memory and not empty. Shapes as in clipk/ops/invertible_leaky_relu.hpp.

void invertible_leaky_relu(MatrixView<const float> x, float slope, MatrixView<float> y,
                           VectorView<float> log_det, cudaStream_t stream);

void invertible_leaky_relu_inverse(MatrixView<const float> y, float slope, MatrixView<float> x,
                                   cudaStream_t stream);

void invertible_leaky_relu_backward(MatrixView<const float> y, float slope,
                                    MatrixView<const float> grad_y, MatrixView<float> grad_x,
                                    cudaStream_t stream);

}  // namespace clipk::gpu
