#pragma once

#include <cuda_runtime_api.h>

#include "clipk/ops/act_norm.hpp"

namespace clipk::gpu {

// Views and pointers are of device memory, views not empty. Shapes as in clipk/ops/act_norm.hpp;
// log_det and grad_log_det may be null.

void act_norm_init(MatrixView<const float> x, float* shift, float* log_scale, cudaStream_t stream);

void act_norm(MatrixView<const float> x, const float* shift, const float* log_scale,
              MatrixView<float> y, float* log_det, cudaStream_t stream);

void act_norm_inverse(MatrixView<const float> y, const float* shift, const float* log_scale,
                      MatrixView<float> x, cudaStream_t stream);

/// Runs of rows that act_norm_backward adds apart: a function of n alone.
std::int64_t act_norm_parts(std::int64_t n);

/// @param parts [act_norm_parts(n), 2 d] scratch
void act_norm_backward(MatrixView<const float> y, const float* log_scale,
                       MatrixView<const float> grad_y, const float* grad_log_det,
                       MatrixView<double> parts, MatrixView<float> grad_x, float* grad_shift,
                       float* grad_log_scale, cudaStream_t stream);

}  // namespace clipk::gpu
