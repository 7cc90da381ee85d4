#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/core/view.hpp"

namespace clipk::gpu {

/// Device memory; shapes as in clipk::gather_rows. An index out of range gives a row of NaN.
void gather_rows(MatrixView<const float> x, VectorView<const std::int32_t> indices,
                 MatrixView<float> out, cudaStream_t stream);

}  // namespace clipk::gpu
