#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/core/device.hpp"
#include "clipk/ops/dense.hpp"
#include "kernels/gemm.hpp"

namespace clipk::gpu {

// Views are of device memory. Shapes as in clipk::dense and its kin.

void dense(GemmHandle& handle, Precision precision, MatrixView<const float> x,
           MatrixView<const float> weight, VectorView<const float> bias, Activation activation,
           MatrixView<float> y, cudaStream_t stream);

/// Rows of the partial sums that dense_backward needs for the bias of a batch of n: a function of n
/// alone.
std::int64_t dense_bias_parts(std::int64_t n);

/// @param grad_z [n, out] scratch, contiguous; unused for identity
/// @param bias_parts [dense_bias_parts(n), out] scratch; unused without grad_bias
void dense_backward(GemmHandle& handle, Precision precision, MatrixView<const float> x,
                    MatrixView<const float> weight, MatrixView<const float> y,
                    Activation activation, MatrixView<const float> grad_y, MatrixView<float> grad_z,
                    MatrixView<double> bias_parts, MatrixView<float> grad_x,
                    MatrixView<float> grad_weight, VectorView<float> grad_bias,
                    cudaStream_t stream);

void dense_add(GemmHandle& handle, Precision precision, MatrixView<const float> x,
               MatrixView<const float> weight, MatrixView<float> y, cudaStream_t stream);
void dense_add_backward(GemmHandle& handle, Precision precision, MatrixView<const float> weight,
                        MatrixView<const float> grad_y, MatrixView<float> grad_x,
                        cudaStream_t stream);

}  // namespace clipk::gpu
