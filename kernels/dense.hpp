#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/core/device.hpp"
#include "clipk/ops/dense.hpp"
#include "kernels/detail/gemm.hpp"

namespace clipk::gpu {

// Views are of device memory. Shapes as in clipk/ops/dense.hpp.

void dense(GemmHandle& handle, Precision precision, BatchView<const float> x,
           BatchView<const float> weight, MatrixView<const float> bias, Activation activation,
           BatchView<float> y, cudaStream_t stream);

/// Rows of the partial sums that dense_backward needs for the bias of a batch of n: a function of n
/// alone.
std::int64_t dense_bias_parts(std::int64_t n);

/// @param grad_z [batch, n, out] scratch, contiguous; unused for identity
/// @param bias_parts [batch * dense_bias_parts(n), out] scratch; unused without grad_bias
void dense_backward(GemmHandle& handle, Precision precision, BatchView<const float> x,
                    BatchView<const float> weight, BatchView<const float> y, Activation activation,
                    BatchView<const float> grad_y, BatchView<float> grad_z,
                    MatrixView<double> bias_parts, BatchView<float> grad_x,
                    BatchView<float> grad_weight, MatrixView<float> grad_bias, Gradient of_x,
                    cudaStream_t stream);

void dense_add(GemmHandle& handle, Precision precision, MatrixView<const float> x,
               MatrixView<const float> weight, MatrixView<float> y, cudaStream_t stream);
void dense_add_backward(GemmHandle& handle, Precision precision, MatrixView<const float> weight,
                        MatrixView<const float> grad_y, MatrixView<float> grad_x,
                        cudaStream_t stream);

}  // namespace clipk::gpu
