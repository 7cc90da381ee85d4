#pragma once

#include <cuda_runtime_api.h>

#include "clipk/core/view.hpp"

namespace clipk::gpu {

/// values_ij = 1 - values_ij.
void cosines_of_distances(MatrixView<float> values, cudaStream_t stream);

}  // namespace clipk::gpu
