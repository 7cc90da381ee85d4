// A block takes a tile of 128 rows of x through a chunk of the rows of y, 128 at a time: what
// kernels share that read every tile of products (distance_tile.cuh) and store none.
//
//   if (threadIdx.x == 0) start_chunk(rows, job);
//   __syncthreads();
//   while (job.tiles_left > 0) {
//     tile_values<...>(threadIdx.x + job.zero, Math(), job.x, job.y, d, shared);
//     ...
//     __syncthreads();
//     if (threadIdx.x == 0) next_tile(rows, job);
//     __syncthreads();
//   }
#pragma once

#include "kernels/detail/chunk_plan.hpp"
#include "kernels/detail/distance_tile.cuh"
#include "kernels/pairwise_distance.hpp"

namespace clipk::gpu {

static_assert(kChunkTile == kTile);
inline constexpr int kTileWarps = kTileThreads / 32;

/// The rows of both sides (scales may be null), and how a plan cuts them.
struct ChunkedRows {
  DistanceOperand x, y;
  int chunks, chunk_tiles;
};

/// What a block works on, in shared memory: kept in registers it would not leave enough of them to
/// the loop.
struct ChunkJob {
  TileRows x, y;
  std::int64_t first_row, first_col;
  int tiles_left;  ///< of the chunk
  /// Added to thread indices. The compiler cannot know that it is zero, and so computes what
  /// depends on them where it is used, instead of keeping it in registers from tile to tile.
  int zero;
};

__device__ __forceinline__ TileRows tile_rows(const DistanceOperand& x, std::int64_t first) {
  const std::int64_t left = x.rows - first;
  return {x.data + first * x.stride, x.stride, x.scales == nullptr ? nullptr : x.scales + first,
          left < kTile ? static_cast<int>(left) : kTile};
}

__device__ __forceinline__ int chunk_of_block(const ChunkedRows& rows) {
  return static_cast<int>(blockIdx.x) % rows.chunks;
}

__device__ __forceinline__ void start_chunk(const ChunkedRows& rows, ChunkJob& job) {
  const int begin = chunk_of_block(rows) * rows.chunk_tiles;
  const int col_tiles = static_cast<int>((rows.y.rows + kTile - 1) / kTile);
  job.first_row = static_cast<std::int64_t>(blockIdx.x / rows.chunks) * kTile;
  job.x = tile_rows(rows.x, job.first_row);
  job.zero = 0;
  job.first_col = static_cast<std::int64_t>(begin) * kTile;
  job.tiles_left = min(rows.chunk_tiles, col_tiles - begin);
  if (job.tiles_left > 0) job.y = tile_rows(rows.y, job.first_col);
}

__device__ __forceinline__ void next_tile(const ChunkedRows& rows, ChunkJob& job) {
  job.first_col += kTile;
  --job.tiles_left;
  if (job.tiles_left > 0) job.y = tile_rows(rows.y, job.first_col);
}

/// A block for every tile and chunk.
inline Launch chunk_launch(const ChunkPlan& plan, std::size_t shared_bytes, cudaStream_t stream) {
  return {dim3(static_cast<unsigned>(plan.row_tiles * plan.chunks)), dim3(kTileThreads),
          shared_bytes, stream};
}

}  // namespace clipk::gpu
