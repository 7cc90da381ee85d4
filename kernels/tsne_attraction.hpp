#pragma once

#include <cuda_runtime_api.h>

#include "clipk/core/memory.hpp"
#include "clipk/ops/tsne_attraction.hpp"

namespace clipk::gpu {

/// Device memory; shapes as in clipk::tsne_attraction; loss may be null.
void tsne_attraction(Scratch& scratch, const TsneAffinities& p, MatrixView<const float> y,
                     MatrixView<const float> others, MatrixView<float> forces, double* loss,
                     cudaStream_t stream);

}  // namespace clipk::gpu
