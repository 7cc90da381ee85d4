#pragma once

#include <cuda_runtime_api.h>

#include "clipk/core/view.hpp"

namespace clipk::gpu {

/// Device memory; shapes as in clipk::normalize_rows.
void normalize_rows(MatrixView<const float> x, MatrixView<float> y, VectorView<float> lengths,
                    cudaStream_t stream);
void normalize_rows_backward(MatrixView<const float> y, VectorView<const float> lengths,
                             MatrixView<const float> grad_y, MatrixView<float> grad_x,
                             cudaStream_t stream);

}  // namespace clipk::gpu
