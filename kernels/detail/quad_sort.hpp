#pragma once

#include <cuda_runtime_api.h>

#include "clipk/core/memory.hpp"
#include "clipk/core/view.hpp"
#include "kernels/detail/quad_groups.cuh"

namespace clipk::gpu {

/// Groups sorted by value: distance k of group g of the sorted ones is at g * size + k.
struct SortedQuads {
  const std::uint64_t* keys;    ///< group << 32 | ordered bits of the value
  const std::int32_t* numbers;  ///< each one's within its group
};

/// Sorts the distances of these groups; of equal ones the lower number comes first.
SortedQuads sort_quads(const QuadGroups& groups, MatrixView<const float> values, Scratch& scratch,
                       cudaStream_t stream);

}  // namespace clipk::gpu
