#pragma once

#include <cuda_runtime_api.h>

#include "clipk/core/memory.hpp"
#include "clipk/ops/tsne_update.hpp"

namespace clipk::gpu {

/// Device memory; shapes as in clipk::tsne_update.
void tsne_update(Scratch& scratch, const TsneUpdateOptions& options,
                 MatrixView<const float> attraction, MatrixView<const float> repulsion,
                 VectorView<const double> z, MatrixView<float> y, MatrixView<float> velocity,
                 MatrixView<float> gains, cudaStream_t stream);

}  // namespace clipk::gpu
