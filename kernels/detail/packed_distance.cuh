// Tiles of packed rows in shared memory, and the squared distances of a patch of them.
#pragma once

#include "kernels/detail/packed_rows.hpp"
#include "kernels/detail/portable.cuh"
#include "kernels/detail/tile_products.cuh"

namespace clipk::gpu {

/// Columns [k, k + kCount) of kRows packed rows into shared memory; `slot` says where row j goes.
template <int kRows, int kCount, class Slot>
__device__ __forceinline__ void load_rows(float* tile, int stride, const PackedRows& rows,
                                          std::int64_t first, int k, Slot slot) {
  constexpr int kUnits = kCount / 4;
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kUnits; i += kTileThreads) {
    const int row = i / kUnits, unit = i % kUnits;
    cp_async_16(tile + slot(row) * stride + 4 * unit,
                rows.data + (first + row) * rows.stride + k + 4 * unit);
  }
}

/// |a_i - b_j|^2 from the rows themselves.
__device__ inline float squared_difference(const PackedRows& a, std::int64_t i, const PackedRows& b,
                                           std::int64_t j) {
  const float4* u = reinterpret_cast<const float4*>(a.data + i * a.stride);
  const float4* v = reinterpret_cast<const float4*>(b.data + j * b.stride);
  float sum = 0.f;
  for (int k = 0; k < a.stride / 4; ++k) {
    const float4 p = __ldg(u + k), q = __ldg(v + k);
    sum = fmaf(p.x - q.x, p.x - q.x, sum);
    sum = fmaf(p.y - q.y, p.y - q.y, sum);
    sum = fmaf(p.z - q.z, p.z - q.z, sum);
    sum = fmaf(p.w - q.w, p.w - q.w, sum);
  }
  return sum;
}

/// Products x.y of a patch become squared distances. Those below `near` of |x|^2 + |y|^2 are
/// computed from the difference of the rows; returns whether one lay below 1/1024 of it. `tile` is
/// the patch's place in shared memory.
template <int kCols>
__device__ __forceinline__ bool finish_squares(const PackedRows& a, std::int64_t first_row,
                                               const PackedRows& b, std::int64_t first_col,
                                               bool within, float near, float* tile, int stride,
                                               float (&values)[Patch<kCols>::kRows][4]) {
  using P = Patch<kCols>;
  constexpr float kTwin = 1.f / 1024.f;
  const float4 other = __ldg(reinterpret_cast<const float4*>(b.norms + first_col + P::col()));
  const float norms[4] = {other.x, other.y, other.z, other.w};
  unsigned close = 0;
#pragma unroll
  for (int r = 0; r < P::kRows; ++r) {
    const float own = __ldg(a.norms + first_row + P::row(r));
#pragma unroll
    for (int c = 0; c < 4; ++c) {
      const float length = own + norms[c];
      values[r][c] = fmaf(-2.f, values[r][c], length);
      close |= values[r][c] < near * length ? 1u << (4 * r + c) : 0u;
    }
  }
  if (close == 0) return false;
  bool twin = false;
  store_patch<kCols>(values, tile, stride);
  while (close != 0) {
    const int bit = __ffs(static_cast<int>(close)) - 1;
    close &= close - 1;
    const int row = P::row(bit / 4), col = P::col() + bit % 4;
    const std::int64_t i = first_row + row, j = first_col + col;
    const float exact = squared_difference(a, i, b, j);
    twin |= i < a.rows && j < b.rows && !(within && i == j) &&
            exact < kTwin * (__ldg(a.norms + i) + __ldg(b.norms + j));
    tile[row * stride + col] = exact;
  }
  load_patch<kCols>(tile, stride, values);
  return twin;
}

/// A patch of a stored matrix; zero outside. `swapped`: the tile's rows are the matrix's columns.
/// `aligned`: its rows allow 16-byte loads.
template <int kCols>
__device__ __forceinline__ void load_matrix_patch(const float* d, std::int64_t stride, bool aligned,
                                                  bool swapped, std::int64_t first_row,
                                                  std::int64_t rows, std::int64_t first_col,
                                                  std::int64_t cols,
                                                  float (&wanted)[Patch<kCols>::kRows][4]) {
  using P = Patch<kCols>;
  const std::int64_t col = first_col + P::col();
  if (swapped) {
#pragma unroll
    for (int p = 0; p < P::kPatches; ++p) {
      const std::int64_t row = first_row + P::row(4 * p);
#pragma unroll
      for (int c = 0; c < 4; ++c) {
        float4 v{0.f, 0.f, 0.f, 0.f};
        if (col + c < cols) {
          const float* at = d + (col + c) * stride + row;
          if (aligned && row + 4 <= rows) {
            v = __ldg(reinterpret_cast<const float4*>(at));
          } else {
            const auto left = static_cast<int>(rows - row);
            v = {left > 0 ? __ldg(at) : 0.f, left > 1 ? __ldg(at + 1) : 0.f,
                 left > 2 ? __ldg(at + 2) : 0.f, left > 3 ? __ldg(at + 3) : 0.f};
          }
        }
        wanted[4 * p][c] = v.x;
        wanted[4 * p + 1][c] = v.y;
        wanted[4 * p + 2][c] = v.z;
        wanted[4 * p + 3][c] = v.w;
      }
    }
  } else {
#pragma unroll
    for (int r = 0; r < P::kRows; ++r) {
      const std::int64_t row = first_row + P::row(r);
      float4 v{0.f, 0.f, 0.f, 0.f};
      if (row < rows) {
        const float* at = d + row * stride + col;
        if (aligned && col + 4 <= cols) {
          v = __ldg(reinterpret_cast<const float4*>(at));
        } else {
          const auto left = static_cast<int>(cols - col);
          v = {left > 0 ? __ldg(at) : 0.f, left > 1 ? __ldg(at + 1) : 0.f,
               left > 2 ? __ldg(at + 2) : 0.f, left > 3 ? __ldg(at + 3) : 0.f};
        }
      }
      wanted[r][0] = v.x;
      wanted[r][1] = v.y;
      wanted[r][2] = v.z;
      wanted[r][3] = v.w;
    }
  }
}

}  // namespace clipk::gpu
