#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/ops/nearest.hpp"
#include "kernels/pairwise_distance.hpp"

namespace clipk::gpu {

/// How a search is cut: tiles of queries, and the database into chunks of whole tiles so that there
/// are blocks for all multiprocessors. The result does not depend on it.
struct NearestPlan {
  NearestPlan(std::int64_t n, std::int64_t m, int multiprocessors);

  std::int64_t row_tiles;
  std::int64_t chunk_tiles;
  std::int64_t chunks;
};

/// Shapes as in clipk::nearest; distances may be null. lists [plan.chunks * n * k] is scratch.
void nearest(const NearestPlan& plan, const NearestOptions& options, Precision precision,
             std::int64_t d, std::int64_t k, const DistanceOperand& queries,
             const DistanceOperand& database, std::uint64_t* lists, std::int32_t* indices,
             std::int64_t indices_stride, float* distances, std::int64_t distances_stride,
             cudaStream_t stream);

}  // namespace clipk::gpu
