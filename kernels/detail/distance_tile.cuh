// The tile of distances that pairwise_distance and nearest are made of: 128 rows of x against 128
// rows of y by a block of 256 threads, 64 distances a thread, kept in registers.
//
// Plan    rows go through shared memory 16 columns at a time, in three stages of cp.async; both
//         sides keep their own layout [row][column], padded so that no access meets a bank twice.
//         Three kinds of arithmetic over the same stages, and a fourth, of differences, for tiles
//         most of which cancel in the expanded form.
// Floor   fp32: one FFMA a column and product, 67 TFLOP/s on an H100; a thread reads 16 x 8 bytes
//         of shared memory for 128 of them. tf32 and bf16: mma.sync, which reaches about 60 % of
//         the 400 and 790 TFLOP/s of the tensor cores; bf16 reads its operands as floats and packs
//         them, so that shared memory (128 B a clock) holds it to about 260.
// Ladder  one variant so far. Next: wgmma and TMA in place of mma.sync and cp.async in tf32 and
//         bf16; the SIMT harness models neither.
#pragma once

#include <type_traits>

#include "clipk/core/device.hpp"
#include "clipk/core/metric.hpp"
#include "kernels/detail/portable.cuh"

namespace clipk::gpu {

inline constexpr int kTile = 128;
inline constexpr int kTileThreads = 256;
inline constexpr int kTileDepth = 16;
inline constexpr int kTileStages = 3;

/// Squared distances below this part of |x|^2 + |y|^2 (under cosine: of 1) are computed again from
/// the difference of the two rows; as on the CPU.
inline constexpr float kNearPart = 1.0f / 16;

using Accumulators = float[16][4];  ///< the 64 products of a thread

/// Up to 128 rows of a matrix, with |x|^2 or, under cosine, 1 / |x| of each.
struct TileRows {
  const float* data;
  std::int64_t stride;
  const float* scales;
  int rows;
};

template <int kPitch>
struct TileStage {
  float x[kTile][kPitch];
  float y[kTile][kPitch];
};

__device__ __forceinline__ float2 shared_float2(const float* p) {
  return *reinterpret_cast<const float2*>(p);
}

// ---- Which products a thread holds --------------------------------------------------------------

/// Rows 16 apart and columns 16 apart; a warp holds 4 by 8 of each such step, so that the eight
/// rows of a stage that it reads at once lie in different banks.
struct StridedLayout {
  static __device__ __forceinline__ int first_row(int thread) {
    return thread / 64 * 4 + thread % 32 / 8;
  }
  static __device__ __forceinline__ int first_col(int thread) {
    return thread / 32 % 2 * 8 + thread % 8;
  }
  static __device__ __forceinline__ int row(int thread, int e) {
    return first_row(thread) + 16 * (e / 8);
  }
  static __device__ __forceinline__ int col(int thread, int e) {
    return first_col(thread) + 16 * (e % 8);
  }
};

/// What m16n8 fragments give: a warp holds 64 rows by 32 columns, as 4 by 4 fragments.
struct FragmentLayout {
  static __device__ __forceinline__ int row(int thread, int e) {
    const int warp = thread / 32, group = thread % 32 / 4;
    return warp / 4 * 64 + e / 16 * 16 + group + e % 4 / 2 * 8;
  }
  static __device__ __forceinline__ int col(int thread, int e) {
    const int warp = thread / 32, t = thread % 4;
    return warp % 4 * 32 + e / 4 % 4 * 8 + 2 * t + e % 2;
  }
};

// ---- One stage of arithmetic --------------------------------------------------------------------

struct FfmaMath {
  using Layout = StridedLayout;
  static constexpr int kPitch = kTileDepth + 4;
  static constexpr float kOperandError = 0;  // of |x|^2 + |y|^2, beyond float32's

  __device__ __forceinline__ void operator()(int thread, Accumulators& acc,
                                             const TileStage<kPitch>& stage) const {
    const int row = Layout::first_row(thread), col = Layout::first_col(thread);
#pragma unroll 1
    for (int k = 0; k < kTileDepth; k += 2) {
      float2 a[8];
#pragma unroll
      for (int i = 0; i < 8; ++i) a[i] = shared_float2(&stage.x[row + 16 * i][k]);
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const float2 b = shared_float2(&stage.y[col + 16 * j][k]);
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          float& sum = acc[(i * 8 + j) / 4][j % 4];
          sum += a[i].x * b.x;
          sum += a[i].y * b.y;
        }
      }
    }
  }
  __device__ __forceinline__ float result(float product) const {
    return product;
  }
};

/// (Squared) Euclidean distances from the differences of the rows.
struct DifferenceMath {
  using Layout = StridedLayout;
  bool root;

  template <int kPitch>
  __device__ __forceinline__ void operator()(int thread, Accumulators& acc,
                                             const TileStage<kPitch>& stage) const {
    const int row = Layout::first_row(thread), col = Layout::first_col(thread);
#pragma unroll 1
    for (int k = 0; k < kTileDepth; ++k) {
      float a[8];
#pragma unroll
      for (int i = 0; i < 8; ++i) a[i] = stage.x[row + 16 * i][k];
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const float b = stage.y[col + 16 * j][k];
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          const float difference = a[i] - b;
          acc[(i * 8 + j) / 4][j % 4] += difference * difference;
        }
      }
    }
  }
  __device__ __forceinline__ float result(float sum) const {
    return root ? sqrtf(sum) : sum;
  }
};

struct Tf32Math {
  using Layout = FragmentLayout;
  static constexpr int kPitch = kTileDepth + 4;
  static constexpr float kOperandError = 1.0f / 1024;

  __device__ __forceinline__ void operator()(int thread, Accumulators& acc,
                                             const TileStage<kPitch>& stage) const {
    const int warp = thread / 32, g = thread % 32 / 4, t = thread % 4;
    const int row = warp / 4 * 64 + g, col = warp % 4 * 32 + g;
#pragma unroll 1
    for (int k = t; k < kTileDepth + t; k += 8) {
      std::uint32_t b[4][2];
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        b[j][0] = to_tf32(stage.y[col + 8 * j][k]);
        b[j][1] = to_tf32(stage.y[col + 8 * j][k + 4]);
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int r = row + 16 * i;
        const std::uint32_t a[4] = {to_tf32(stage.x[r][k]), to_tf32(stage.x[r + 8][k]),
                                    to_tf32(stage.x[r][k + 4]), to_tf32(stage.x[r + 8][k + 4])};
#pragma unroll
        for (int j = 0; j < 4; ++j) mma_m16n8k8_tf32(acc[4 * i + j], a, b[j]);
      }
    }
  }
  __device__ __forceinline__ float result(float product) const {
    return product;
  }
};

struct Bf16Math {
  using Layout = FragmentLayout;
  static constexpr int kPitch = kTileDepth + 8;
  static constexpr float kOperandError = 1.0f / 256;

  static __device__ __forceinline__ std::uint32_t packed(const float* p) {
    const float2 v = shared_float2(p);
    return pack_bf16(v.x, v.y);
  }
  __device__ __forceinline__ void operator()(int thread, Accumulators& acc,
                                             const TileStage<kPitch>& stage) const {
    const int warp = thread / 32, g = thread % 32 / 4, t = thread % 4;
    const int row = warp / 4 * 64 + g, col = warp % 4 * 32 + g;
    std::uint32_t b[4][2];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      b[j][0] = packed(&stage.y[col + 8 * j][2 * t]);
      b[j][1] = packed(&stage.y[col + 8 * j][2 * t + 8]);
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int r = row + 16 * i;
      const std::uint32_t a[4] = {packed(&stage.x[r][2 * t]), packed(&stage.x[r + 8][2 * t]),
                                  packed(&stage.x[r][2 * t + 8]),
                                  packed(&stage.x[r + 8][2 * t + 8])};
#pragma unroll
      for (int j = 0; j < 4; ++j) mma_m16n8k16_bf16(acc[4 * i + j], a, b[j]);
    }
  }
  __device__ __forceinline__ float result(float product) const {
    return product;
  }
};

// ---- The loop over columns ----------------------------------------------------------------------

/// What a thread copies of one side: of row threadIdx.x / 2, eight columns of a stage. Two threads
/// read whole sectors of 32 bytes.
struct TileSource {
  const float* next;
  bool inside;  // the row is one of the tile

  __device__ __forceinline__ explicit TileSource(int thread, const TileRows& x)
      : next(x.data + thread / 2 * x.stride + thread % 2 * 4), inside(thread / 2 < x.rows) {}

  /// What lies outside of the rows or columns becomes zero.
  template <bool kAligned, int kPitch>
  __device__ __forceinline__ void load(int thread, float (&to)[kTile][kPitch], int columns_left) {
    const int row = thread / 2;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const int offset = thread % 2 * 4 + h * 8;
      const int columns = inside ? columns_left - offset : 0;
      if constexpr (kAligned) {
        cp_async_16(&to[row][offset], next + h * 8, columns > 0 ? 16 : 0);
      } else {
        *reinterpret_cast<float4*>(&to[row][offset]) = load_row4<false>(next + h * 8, 0, columns);
      }
    }
    next += kTileDepth;
  }
};

/// acc = math over all d columns. Shared memory is free again for the whole block on return.
template <bool kAligned, int kPitch, class Math>
__device__ __forceinline__ void tile_loop(int thread, Accumulators& acc, const Math& math,
                                          const TileRows& x, const TileRows& y, int d,
                                          TileStage<kPitch>* stages) {
#pragma unroll
  for (int e = 0; e < 64; ++e) acc[e / 4][e % 4] = 0;
  TileSource source_x(thread, x), source_y(thread, y);
  int columns_left = d;  // to be loaded
  const auto load = [&](TileStage<kPitch>& stage) {
    if (columns_left > 0) {
      source_x.template load<kAligned>(thread, stage.x, columns_left);
      source_y.template load<kAligned>(thread, stage.y, columns_left);
    }
    columns_left -= kTileDepth;
    cp_async_commit();
  };
  static_assert(kTileStages == 3);
  load(stages[0]);
  load(stages[1]);
  int used = 0;
  while (columns_left > -(kTileStages - 1) * kTileDepth) {
    cp_async_wait<kTileStages - 2>();
    __syncthreads();
    load(stages[used == 0 ? 2 : used - 1]);  // it was used up before this barrier
    math(thread, acc, stages[used]);
    used = used == 2 ? 0 : used + 1;
  }
  cp_async_wait<0>();
  __syncthreads();
}

/// The tile in shared memory, as what follows the loop reads it: a warp a row, or a column, without
/// bank conflicts. It lies where the stages were.
using TileValues = float[kTile][kTile + 1];

template <class Math>
inline constexpr std::size_t kTileSharedBytes = kTileStages * sizeof(TileStage<Math::kPitch>) >
                                                        sizeof(TileValues)
                                                    ? kTileStages * sizeof(TileStage<Math::kPitch>)
                                                    : sizeof(TileValues);

/// values = the tile's products, or what else `math` computes; to be read after a barrier.
/// `thread` is threadIdx.x.
template <bool kAligned, int kPitch, class Math>
__device__ __forceinline__ void tile_values(int thread, const Math& math, const TileRows& x,
                                            const TileRows& y, int d, unsigned char* shared) {
  Accumulators acc;
  tile_loop<kAligned>(thread, acc, math, x, y, d, reinterpret_cast<TileStage<kPitch>*>(shared));
  TileValues& values = *reinterpret_cast<TileValues*>(shared);
#pragma unroll
  for (int e = 0; e < 64; ++e) {
    values[Math::Layout::row(thread, e)][Math::Layout::col(thread, e)] =
        math.result(acc[e / 4][e % 4]);
  }
}

// ---- From products to distances -----------------------------------------------------------------

/// Marks the distance of near rows, which is not known yet: no distance is negative.
inline constexpr float kNearMark = -1;

struct PairValue {
  float distance;  ///< in the metric's units; of no use where is_near
  float squared;   ///< before the square root; under cosine the distance itself
  float lengths;   ///< |x|^2 + |y|^2; under cosine 1
  bool is_near;
};

__device__ __forceinline__ PairValue finish_pair(Metric metric, float product, float scale_x,
                                                 float scale_y) {
  if (metric == Metric::cosine) {
    const float distance = 1.f - product * (scale_x * scale_y);
    return {distance > 2.f ? 2.f : distance, distance, 1.f, distance < kNearPart};
  }
  const float lengths = scale_x + scale_y;
  const float squared = lengths - 2.f * product;
  return {metric == Metric::euclidean ? sqrtf(squared) : squared, squared, lengths,
          squared < kNearPart * lengths};
}

/// The distance of rows i and j from their difference, by a whole warp.
__device__ __forceinline__ float near_distance(Metric metric, const TileRows& x, int i,
                                               const TileRows& y, int j, int d) {
  const bool unit = metric == Metric::cosine;
  const float scale_x = unit ? __ldg(x.scales + i) : 1.f;
  const float scale_y = unit ? __ldg(y.scales + j) : 1.f;
  const float* a = x.data + i * x.stride;
  const float* b = y.data + j * y.stride;
  float sum = 0;
  for (int k = threadIdx.x % 32; k < d; k += 32) {
    // Not contracted: the difference of equal rows is exactly zero.
    const float difference =
        __fsub_rn(__fmul_rn(__ldg(a + k), scale_x), __fmul_rn(__ldg(b + k), scale_y));
    sum += difference * difference;
  }
  sum = warp_sum(sum);
  if (unit) return 0.5f * sum;
  return metric == Metric::euclidean ? sqrtf(sum) : sum;
}

/// The distances of row i to the column of every lane; those marked are computed now. Whole warps
/// enter, with one row.
__device__ __forceinline__ float unmarked(Metric metric, float distance, const TileRows& x, int i,
                                          const TileRows& y, int col, int d) {
  unsigned marked = __ballot_sync(kFullWarp, distance == kNearMark);
  for (; marked != 0; marked &= marked - 1) {
    const int lane = __ffs(static_cast<int>(marked)) - 1;
    const int j = __shfl_sync(kFullWarp, col, lane);
    const float exact = near_distance(metric, x, i, y, j, d);
    if (static_cast<int>(threadIdx.x % 32) == lane) distance = exact;
  }
  return distance;
}

/// Whether so many distances of the tile are marked that it is better to compute all of them again
/// in one more loop (of DifferenceMath, and so never under cosine). `marked` counts this thread's,
/// of 64. Every thread of the block enters.
__device__ __forceinline__ bool mostly_near(Metric metric, int marked) {
  return __syncthreads_count(metric != Metric::cosine && marked >= 4) >= kTileThreads / 4;
}

/// Calls run(math, aligned) with the arithmetic of a precision, and with whether rows are read 16
/// bytes at a time, as std::bool_constant; without that the arithmetic is float32's.
template <class Run>
void with_tile_math(Precision precision, bool aligned, Run&& run) {
  if (!aligned) return run(FfmaMath(), std::false_type());
  switch (precision) {
    case Precision::fp32:
      return run(FfmaMath(), std::true_type());
    case Precision::tf32:
      return run(Tf32Math(), std::true_type());
    case Precision::bf16:
      return run(Bf16Math(), std::true_type());
  }
}

}  // namespace clipk::gpu
