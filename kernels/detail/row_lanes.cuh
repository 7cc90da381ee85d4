// Element-wise work on rows, where a row may also have a sum: so many threads of a warp share a row
// as it has units (a power of two, 32 at most). A unit is four columns, one 16-byte access, where
// all the matrices allow it, and one column elsewhere.
#pragma once

#include "kernels/detail/portable.cuh"

namespace clipk::gpu {

constexpr int kRowThreads = 256;  // of a block

/// How the rows of a matrix are spread over threads; the same for all of a launch.
struct RowLanes {
  std::int64_t rows;
  int units;  // of a row
  int lanes;  // threads of a row
};

template <int kUnit>
RowLanes row_lanes(std::int64_t rows, std::int64_t columns) {
  const int units = static_cast<int>(columns / kUnit);
  int lanes = 1;
  while (lanes < 32 && lanes < units) lanes *= 2;
  return {rows, units, lanes};
}

inline Launch row_launch(const RowLanes& spread, cudaStream_t stream) {
  return {dim3(ceil_div(spread.rows, kRowThreads / spread.lanes)), dim3(kRowThreads), 0, stream};
}

template <class... Views>
bool all_allow_float4(const Views&... views) {
  return (rows_allow_float4(views.data, views.stride, views.cols) && ...);
}

/// This thread's row, which may lie past the last one, and its place among those that share it.
struct RowPlace {
  std::int64_t row;
  int lane;
};
__device__ __forceinline__ RowPlace row_place(const RowLanes& spread) {
  const int thread = static_cast<int>(threadIdx.x);
  return {
      static_cast<std::int64_t>(blockIdx.x) * (kRowThreads / spread.lanes) + thread / spread.lanes,
      thread % spread.lanes};
}

/// The sum over the threads of a row, in a fixed order. Whole warps enter.
template <class T>
__device__ __forceinline__ T row_sum(const RowLanes& spread, T value) {
  for (int step = spread.lanes / 2; step > 0; step /= 2) {
    value += __shfl_xor_sync(kFullWarp, value, step);
  }
  return value;
}

// Not through the read-only cache: outputs may be inputs.
template <int kUnit>
__device__ __forceinline__ void load_unit(const float* from, float (&to)[kUnit]) {
  if constexpr (kUnit == 4) {
    const float4 v = *reinterpret_cast<const float4*>(from);
    to[0] = v.x;
    to[1] = v.y;
    to[2] = v.z;
    to[3] = v.w;
  } else {
    to[0] = *from;
  }
}

template <int kUnit>
__device__ __forceinline__ void store_unit(const float (&from)[kUnit], float* to) {
  if constexpr (kUnit == 4) {
    *reinterpret_cast<float4*>(to) = {from[0], from[1], from[2], from[3]};
  } else {
    *to = from[0];
  }
}

}  // namespace clipk::gpu
