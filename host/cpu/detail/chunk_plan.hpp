#pragma once

#include <algorithm>
#include <cstdint>

namespace clipk::cpu {

/// How n x m products of rows are cut where none is kept: n into blocks of tile_rows, and where
/// those are few also m into chunks of whole tiles. By the sizes alone.
struct ChunkPlan {
  ChunkPlan(std::int64_t n, std::int64_t m, std::int64_t tile_rows, std::int64_t tile_cols)
      : row_blocks((n + tile_rows - 1) / tile_rows) {
    // Enough tasks for the threads of one machine, none shorter than a few tiles.
    constexpr std::int64_t kTasks = 16, kLeastChunkTiles = 8;
    const std::int64_t tiles = (m + tile_cols - 1) / tile_cols;
    const std::int64_t wanted =
        std::max<std::int64_t>(1, kTasks / std::max<std::int64_t>(1, row_blocks));
    chunk_cols = std::max(kLeastChunkTiles, (tiles + wanted - 1) / wanted) * tile_cols;
    chunks = (m + chunk_cols - 1) / chunk_cols;
  }

  std::int64_t row_blocks;
  std::int64_t chunk_cols;
  std::int64_t chunks;
};

}  // namespace clipk::cpu
