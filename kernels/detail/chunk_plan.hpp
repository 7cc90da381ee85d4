#pragma once

#include <algorithm>
#include <cstdint>

namespace clipk::gpu {

inline constexpr std::int64_t kChunkTile = 128;  ///< rows of a tile, of either side

/// How n x m products of rows are cut for kernels that keep none of them (tile_chunks.cuh): n into
/// tiles, m into chunks of whole tiles, so that there are blocks for all multiprocessors.
struct ChunkPlan {
  ChunkPlan(std::int64_t n, std::int64_t m, int multiprocessors)
      : row_tiles((n + kChunkTile - 1) / kChunkTile) {
    const std::int64_t col_tiles = std::max<std::int64_t>((m + kChunkTile - 1) / kChunkTile, 1);
    const std::int64_t blocks = std::int64_t{4} * multiprocessors;  // two rounds of two each
    const std::int64_t wanted = std::clamp<std::int64_t>(blocks / row_tiles, 1, col_tiles);
    chunk_tiles = (col_tiles + wanted - 1) / wanted;
    chunks = (col_tiles + chunk_tiles - 1) / chunk_tiles;
  }

  std::int64_t row_tiles;
  std::int64_t chunk_tiles;
  std::int64_t chunks;
};

}  // namespace clipk::gpu
