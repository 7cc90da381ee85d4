// Pairwise distance: out [b, n, m] of rows x [b, n, d] and y [b, m, d].
//
// Plan    |x|^2 of every row by one warp each. Then a block a tile of 128 x 128 products (its loop
//         is in distance_tile.cuh); norms, square root and store follow in registers. Near rows are
//         computed again by the warp that holds them, or, where most of a tile is near, by a second
//         loop over the tile. Where both sides are the same rows, tiles below the diagonal are left
//         out and those above it stored twice.
// Floor   2 b n m d operations, 4 b n m bytes written: at 5000 x 5000 x 512 on an H100 .38 ms in
//         fp32, .06 ms in tf32, .03 ms for the store.
// Ladder  one variant so far. Next: wgmma and TMA in tf32 and bf16; at d = 512 the store, .03 ms,
//         is then the larger part in bf16.

#include "kernels/pairwise_distance.hpp"

#include <algorithm>

#include "kernels/detail/distance_tile.cuh"

namespace clipk::gpu {
namespace {

constexpr int kScaleThreads = 256;
constexpr int kScaleWarps = kScaleThreads / 32;
constexpr std::int64_t kMaxScaleBlocks = 4096;
constexpr std::int64_t kMaxGridZ = 65535;
constexpr int kWarps = kTileThreads / 32;

__global__ void __launch_bounds__(kScaleThreads)
    row_scales_kernel(Metric metric, std::int64_t batch, std::int64_t d, DistanceOperand x,
                      float* __restrict__ scales) {
  const int lane = threadIdx.x % 32;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kScaleWarps + threadIdx.x / 32;
       i < batch * x.rows; i += static_cast<std::int64_t>(gridDim.x) * kScaleWarps) {
    const float* row = x.data + i / x.rows * x.batch_stride + i % x.rows * x.stride;
    double sum = 0;
    for (std::int64_t k = lane; k < d; k += 32) {
      const double v = __ldg(row + k);
      sum += v * v;
    }
    sum = warp_sum(sum);
    if (lane == 0) {
      scales[i] = static_cast<float>(metric == Metric::cosine ? 1 / sqrt(sum) : sum);
    }
  }
}

struct Arguments {
  Metric metric;
  bool within;  // both sides are the same rows
  int d;
  std::int64_t batch;
  std::int64_t col_tiles;
  DistanceOperand x, y;
  DistanceOutput out;
};

__device__ __forceinline__ TileRows tile_rows(const DistanceOperand& x, std::int64_t b,
                                              std::int64_t first) {
  const std::int64_t left = x.rows - first;
  return {x.data + b * x.batch_stride + first * x.stride, x.stride, x.scales + b * x.rows + first,
          left < kTile ? static_cast<int>(left) : kTile};
}

// What a block works on, in shared memory: kept in registers it would not leave enough of them to
// the loop.
struct Job {
  TileRows x, y;
  std::int64_t first_row, first_col, batch;
};

template <class Math, bool kAligned>
__global__ void __launch_bounds__(kTileThreads, 2) pairwise_distance_kernel(Arguments a) {
  CLIPK_DYN_SHARED(unsigned char, shared);
  CLIPK_SHARED(Job, job);
  TileValues& values = *reinterpret_cast<TileValues*>(shared);
  if (a.within && blockIdx.x / a.col_tiles > blockIdx.x % a.col_tiles) return;  // the whole block
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  for (std::int64_t b = blockIdx.z; b < a.batch; b += gridDim.z) {
    if (threadIdx.x == 0) {
      job.first_row = blockIdx.x / a.col_tiles * kTile;
      job.first_col = blockIdx.x % a.col_tiles * kTile;
      job.batch = b;
      job.x = tile_rows(a.x, b, job.first_row);
      job.y = tile_rows(a.y, b, job.first_col);
    }
    __syncthreads();
    tile_values<kAligned, Math::kPitch>(threadIdx.x, Math(), job.x, job.y, a.d, shared);
    __syncthreads();
    const TileRows &x = job.x, &y = job.y;
    const std::int64_t first_row = job.first_row, first_col = job.first_col;
    int marked = 0;
    for (int row = warp; row < x.rows; row += kWarps) {
      const float scale_x = __ldg(x.scales + row);
      for (int col = lane; col < kTile; col += 32) {
        bool is_near = false;
        if (col < y.rows) {
          const PairValue pair =
              finish_pair(a.metric, values[row][col], scale_x, __ldg(y.scales + col));
          is_near = pair.is_near;
          values[row][col] = is_near ? kNearMark : pair.distance;
        }
        marked += is_near;
        if (a.out.near_bits != nullptr) {
          const unsigned bits = __ballot_sync(kFullWarp, is_near);
          if (lane == 0 && col < y.rows) {
            const std::int64_t words = (a.y.rows + 31) / 32;
            a.out.near_bits[(job.batch * a.x.rows + first_row + row) * words +
                            (first_col + col) / 32] = bits;
          }
        }
      }
    }
    if (mostly_near(a.metric, marked)) {
      tile_values<kAligned, Math::kPitch>(
          threadIdx.x, DifferenceMath{a.metric == Metric::euclidean}, x, y, a.d, shared);
      __syncthreads();
    }
    // Within one set: above the diagonal here, the mirror image below.
    float* out = a.out.data + job.batch * a.out.batch_stride;
    for (int row = warp; row < x.rows; row += kWarps) {
      for (int col = lane; col < kTile; col += 32) {
        const float distance =
            unmarked(a.metric, col < y.rows ? values[row][col] : 0.f, x, row, y, col, a.d);
        if (col >= y.rows || (a.within && first_row + row > first_col + col)) continue;
        values[row][col] = distance;
        out[(first_row + row) * a.out.stride + first_col + col] = distance;
      }
    }
    __syncthreads();
    if (a.within) {
      for (int col = warp; col < y.rows; col += kWarps) {
        for (int row = lane; row < x.rows; row += 32) {
          if (first_row + row >= first_col + col) continue;
          out[(first_col + col) * a.out.stride + first_row + row] = values[row][col];
        }
      }
      __syncthreads();
    }
  }
}

template <class Math, bool kAligned>
void launch(const Arguments& arguments, cudaStream_t stream) {
  constexpr std::size_t kBytes = kTileSharedBytes<Math>;
  const std::int64_t row_tiles = (arguments.x.rows + kTile - 1) / kTile;
  allow_dynamic_shared(pairwise_distance_kernel<Math, kAligned>, kBytes);
  CLIPK_LAUNCH((pairwise_distance_kernel<Math, kAligned>),
               (Launch{dim3(static_cast<unsigned>(row_tiles * arguments.col_tiles), 1,
                            static_cast<unsigned>(std::min(arguments.batch, kMaxGridZ))),
                       dim3(kTileThreads), kBytes, stream}),
               arguments);
}

bool rows_aligned(std::int64_t d, const DistanceOperand& x) {
  return rows_allow_float4(x.data, x.stride, d) && x.batch_stride % 4 == 0;
}

}  // namespace

void row_scales(Metric metric, std::int64_t batch, std::int64_t d, const DistanceOperand& x,
                float* scales, cudaStream_t stream) {
  const std::int64_t blocks =
      std::min<std::int64_t>(ceil_div(batch * x.rows, kScaleWarps), kMaxScaleBlocks);
  CLIPK_LAUNCH(row_scales_kernel,
               (Launch{dim3(static_cast<unsigned>(blocks)), dim3(kScaleThreads), 0, stream}),
               metric, batch, d, x, scales);
}

void pairwise_distance(Metric metric, Precision precision, std::int64_t batch, std::int64_t d,
                       const DistanceOperand& x, const DistanceOperand& y,
                       const DistanceOutput& out, cudaStream_t stream) {
  const bool within = out.near_bits == nullptr && x.data == y.data && x.rows == y.rows &&
                      x.stride == y.stride && (x.batch_stride == y.batch_stride || batch == 1);
  const Arguments arguments{
      metric, within, static_cast<int>(d), batch, (y.rows + kTile - 1) / kTile, x, y, out};
  const bool all_aligned = rows_aligned(d, x) && rows_aligned(d, y);
  with_tile_math(precision, all_aligned, [&](auto math, auto aligned) {
    launch<decltype(math), decltype(aligned)::value>(arguments, stream);
  });
}

}  // namespace clipk::gpu
