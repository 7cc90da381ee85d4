#pragma once

#include <cuda_runtime_api.h>

#include "clipk/ops/affine_coupling.hpp"

namespace clipk::gpu {

// Views are of device memory and not empty. Shapes as in clipk/ops/affine_coupling.hpp.

void affine_coupling(MatrixView<const float> x, MatrixView<const float> a,
                     MatrixView<const float> t, const AffineCouplingOptions& options,
                     MatrixView<float> y, VectorView<float> log_det, cudaStream_t stream);

void affine_coupling_inverse(MatrixView<const float> y, MatrixView<const float> a,
                             MatrixView<const float> t, const AffineCouplingOptions& options,
                             MatrixView<float> x, cudaStream_t stream);

void affine_coupling_backward(MatrixView<const float> y, MatrixView<const float> a,
                              MatrixView<const float> t, const AffineCouplingOptions& options,
                              MatrixView<const float> grad_y, VectorView<const float> grad_log_det,
                              MatrixView<float> grad_x, MatrixView<float> grad_a,
                              MatrixView<float> grad_t, cudaStream_t stream);

}  // namespace clipk::gpu
