#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>

#include "clipk/ops/pq_top_k.hpp"

namespace clipk::gpu {

inline constexpr std::int64_t kPqQueries = 4;      ///< of a block
inline constexpr std::int64_t kPqTileRows = 2048;  ///< codes that a block takes at a time
inline constexpr std::int64_t kPqWarps = 8;        ///< of a block, each with lists of its own

/// How a search of m codes by n queries is cut: the queries into groups, the codes into chunks of
/// whole tiles, so that there are blocks for all multiprocessors.
struct PqPlan {
  PqPlan(std::int64_t n, std::int64_t m, int multiprocessors)
      : groups((n + kPqQueries - 1) / kPqQueries) {
    const std::int64_t tiles = (m + kPqTileRows - 1) / kPqTileRows;
    const std::int64_t blocks = std::int64_t{4} * multiprocessors;  // two rounds of two each
    const std::int64_t wanted = std::clamp<std::int64_t>(blocks / groups, 1, tiles);
    chunk_tiles = (tiles + wanted - 1) / wanted;
    chunks = (tiles + chunk_tiles - 1) / chunk_tiles;
    lists = chunks * kPqWarps;
  }

  std::int64_t groups;
  std::int64_t chunk_tiles;
  std::int64_t chunks;
  std::int64_t lists;  ///< of a query
};

/// Shapes as in clipk::pq_top_k; scores may be empty. lists [plan.lists * n * k] is scratch. The
/// result does not depend on the plan.
void pq_top_k(const PqPlan& plan, BatchView<const float> tables,
              MatrixView<const std::uint8_t> codes, PqOrder order, std::uint64_t* lists,
              MatrixView<std::int32_t> indices, MatrixView<float> scores, cudaStream_t stream);

}  // namespace clipk::gpu
