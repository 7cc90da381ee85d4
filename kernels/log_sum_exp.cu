// log_sum_exp: out_i = log sum_j exp(scale x_i . y_j + offset_j), the table never stored.
//
// Plan    A block takes a tile of 128 rows through a chunk of the columns, 128 at a time
//         (tile_chunks.cuh). Of every tile of products a warp reads whole rows, four columns a
//         lane: their largest exponent by shuffles, then the sum relative to it, added in float64
//         to the row's own. Exponents are two floats each (scale, offset and the difference with
//         the row's largest), so that what is near the largest, and counts, keeps float32's full
//         accuracy whatever the scale; float64 would do too, at the rate of its conversions. A
//         second kernel adds the chunks in their order.
// Floor   2 n m d operations; 15 more and an exponential a product: 1,000,000 x 1000 x 512 in 15.3
//         ms of fp32, 2.6 ms of tf32 on an H100, and .4 ms for the exponentials.
// Ladder  one variant so far; exponents in float64 were weighed, see the plan. Next: wgmma and TMA
//         in tf32 and bf16, as for nearest.cu: mma.sync reaches about 60 % of the tensor cores.

#include "kernels/log_sum_exp.hpp"

#include <algorithm>
#include <cfloat>

#include "kernels/detail/tile_chunks.cuh"

namespace clipk::gpu {
namespace {

constexpr int kLaneCols = kTile / 32;

// hi + lo, the unrounded value to about 48 bits.
struct TwoFloats {
  float hi, lo;
};

__host__ __device__ __forceinline__ TwoFloats two_floats(double value) {
  const float hi = static_cast<float>(value);
  return {hi, static_cast<float>(value - static_cast<double>(hi))};
}

// a - b exactly (Knuth's two-sum).
__device__ __forceinline__ TwoFloats difference(float a, float b) {
  const float hi = __fsub_rn(a, b);
  const float part = __fsub_rn(hi, a);
  return {hi, __fsub_rn(__fsub_rn(a, __fsub_rn(hi, part)), __fadd_rn(b, part))};
}

struct Arguments {
  ChunkedRows rows;
  int d;
  TwoFloats scale;
  const double* offset;  // or null
  ScaledSum* parts;      // [chunks][n]
};

struct Job : ChunkJob {
  float tops[kTile];
  double sums[kTile];
};

// A tile of products into the sums of its rows.
__device__ __forceinline__ void add_tile(const Arguments& a, Job& job, const TileValues& values) {
  const int thread = threadIdx.x + job.zero, lane = thread % 32;
  TwoFloats offset[kLaneCols];  // minus infinity for columns left out
#pragma unroll
  for (int c = 0; c < kLaneCols; ++c) {
    const int col = lane + 32 * c;
    offset[c] = {0.f, 0.f};
    if (col >= job.y.rows) {
      offset[c].hi = -INFINITY;
    } else if (a.offset != nullptr) {
      offset[c] = two_floats(__ldg(a.offset + job.first_col + col));
    }
  }
  for (int row = thread / 32; row < job.x.rows; row += kTileWarps) {
    const float old_top = job.tops[row];
    float top = old_top;
#pragma unroll
    for (int c = 0; c < kLaneCols; ++c) {
      if (offset[c].hi == -INFINITY) continue;
      top = fmaxf(top, fmaf(a.scale.hi, values[row][lane + 32 * c], offset[c].hi));
    }
    top = warp_max(top);
    float sum = 0.f;
#pragma unroll
    for (int c = 0; c < kLaneCols; ++c) {
      if (offset[c].hi == -INFINITY) continue;
      const float product = values[row][lane + 32 * c];
      const TwoFloats base = difference(offset[c].hi, top);
      const float small = fmaf(a.scale.lo, product, base.lo + offset[c].lo);
      sum += expf(fmaf(a.scale.hi, product, base.hi) + small);
    }
    sum = warp_sum(sum);
    __syncwarp();  // every lane has read the old top
    if (lane == 0) {
      job.sums[row] = job.sums[row] * exp(static_cast<double>(old_top) - top) + sum;
      job.tops[row] = top;
    }
  }
}

template <class Math, bool kAligned>
__global__ void __launch_bounds__(kTileThreads, 2) sum_kernel(Arguments a) {
  CLIPK_DYN_SHARED(unsigned char, shared);
  CLIPK_SHARED(Job, job);
  TileValues& values = *reinterpret_cast<TileValues*>(shared);
  for (int row = threadIdx.x; row < kTile; row += kTileThreads) {
    job.tops[row] = -FLT_MAX;  // finite, so that the difference of two such tops is 0
    job.sums[row] = 0;
  }
  if (threadIdx.x == 0) start_chunk(a.rows, job);
  __syncthreads();
  while (job.tiles_left > 0) {
    tile_values<kAligned, Math::kPitch>(threadIdx.x + job.zero, Math(), job.x, job.y, a.d, shared);
    __syncthreads();
    add_tile(a, job, values);
    __syncthreads();
    if (threadIdx.x == 0) next_tile(a.rows, job);
    __syncthreads();
  }
  ScaledSum* parts = a.parts + chunk_of_block(a.rows) * a.rows.x.rows + job.first_row;
  for (int row = threadIdx.x; row < job.x.rows; row += kTileThreads) {
    parts[row] = {job.tops[row], job.sums[row]};
  }
}

// The parts of a row, in the order of the chunks.
__global__ void __launch_bounds__(kTileThreads)
    merge_kernel(const ScaledSum* __restrict__ parts, std::int64_t chunks, std::int64_t n,
                 double* __restrict__ out) {
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kTileThreads + threadIdx.x; i < n;
       i += static_cast<std::int64_t>(gridDim.x) * kTileThreads) {
    ScaledSum all{-FLT_MAX, 0};
    for (std::int64_t c = 0; c < chunks; ++c) {
      const ScaledSum part = parts[c * n + i];
      const double lead = part.top - all.top;
      const double factor = exp(-fabs(lead));  // of the one that is behind
      all.sum = lead > 0 ? all.sum * factor + part.sum : all.sum + part.sum * factor;
      if (lead > 0) all.top = part.top;
    }
    out[i] = all.top + log(all.sum);
  }
}

}  // namespace

void log_sum_exp(const ChunkPlan& plan, Precision precision, MatrixView<const float> x,
                 MatrixView<const float> y, double scale, const double* offset, ScaledSum* parts,
                 double* out, cudaStream_t stream) {
  const Arguments arguments{{{x.data, x.rows, x.stride, 0, nullptr},
                             {y.data, y.rows, y.stride, 0, nullptr},
                             static_cast<int>(plan.chunks),
                             static_cast<int>(plan.chunk_tiles)},
                            static_cast<int>(x.cols),
                            two_floats(scale),
                            offset,
                            parts};
  const bool all_aligned =
      rows_allow_float4(x.data, x.stride, x.cols) && rows_allow_float4(y.data, y.stride, x.cols);
  with_tile_math(precision, all_aligned, [&](auto math, auto aligned) {
    using Math = decltype(math);
    constexpr bool kAligned = decltype(aligned)::value;
    allow_dynamic_shared(sum_kernel<Math, kAligned>, kTileSharedBytes<Math>);
    CLIPK_LAUNCH((sum_kernel<Math, kAligned>), chunk_launch(plan, kTileSharedBytes<Math>, stream),
                 arguments);
  });
  constexpr std::int64_t kMaxBlocks = 4096;
  const std::int64_t blocks = std::min<std::int64_t>(ceil_div(x.rows, kTileThreads), kMaxBlocks);
  CLIPK_LAUNCH(merge_kernel,
               (Launch{dim3(static_cast<unsigned>(blocks)), dim3(kTileThreads), 0, stream}), parts,
               plan.chunks, x.rows, out);
}

}  // namespace clipk::gpu
