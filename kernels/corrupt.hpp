#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/ops/corrupt.hpp"

namespace clipk::gpu {

/// Device memory; x may be out itself. Shapes as in clipk::corrupt.
void corrupt(std::uint64_t seed, MatrixView<const float> x, const CorruptOptions& options,
             const std::uint64_t* step, MatrixView<float> out, cudaStream_t stream);

}  // namespace clipk::gpu
