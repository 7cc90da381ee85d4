#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/ops/nearest.hpp"
#include "kernels/detail/chunk_plan.hpp"
#include "kernels/pairwise_distance.hpp"

namespace clipk::gpu {

/// Shapes as in clipk::nearest; distances may be null. lists [plan.chunks * n * k] is scratch.
/// The result does not depend on the plan.
void nearest(const ChunkPlan& plan, const NearestOptions& options, Precision precision,
             std::int64_t d, std::int64_t k, const DistanceOperand& queries,
             const DistanceOperand& database, std::uint64_t* lists, std::int32_t* indices,
             std::int64_t indices_stride, float* distances, std::int64_t distances_stride,
             cudaStream_t stream);

}  // namespace clipk::gpu
