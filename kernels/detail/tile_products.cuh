// Products of tiles in shared memory, for kernels that keep a tile of values on chip between two of
// them: A [64, k] B [kCols, k]' into registers, and C [64, kCols] Y [kCols, kQ] into accumulators
// that stay in registers all along. 128 threads.
//
// Three arithmetics: FFMA with 8x4 values a thread, mma of tf32 or of bf16 with 16 rows a warp.
// What a thread holds of A B' differs between them; Patch is the form they share: 4x4 neighbours,
// so that a stored matrix beside it is read 16 bytes at a time along either side.
//
// Rows of shared tiles are 4 floats apart from a multiple of 32, which keeps reads along k of eight
// rows free of bank conflicts. With FFMA the rows of B and Y lie in the order of column_slot, so
// that the four neighbours of a thread are kCols / 4 rows apart.
#pragma once

#include "clipk/core/device.hpp"
#include "kernels/detail/portable.cuh"

namespace clipk::gpu {

constexpr int kTileRows = 64;
constexpr int kTileThreads = 128;

/// The part of a [64, kCols] tile that belongs to a thread: kPatches blocks of 4x4.
template <int kCols>
struct Patch {
  static constexpr int kAcross = kCols / 4;             // threads side by side
  static constexpr int kDown = kTileThreads / kAcross;  // threads one below another
  static constexpr int kPatches = kTileRows / (4 * kDown);
  static constexpr int kRows = 4 * kPatches;  // of a thread

  __device__ static int row(int r) {  // r in [0, kRows)
    return r / 4 * 4 * kDown + static_cast<int>(threadIdx.x) / kAcross * 4 + r % 4;
  }
  __device__ static int col() { return static_cast<int>(threadIdx.x) % kAcross * 4; }
};

/// The row of shared memory that holds row j of B or Y.
template <Precision kPrecision, int kCols>
__device__ __forceinline__ int column_slot(int j) {
  return kPrecision == Precision::fp32 ? j % 4 * (kCols / 4) + j / 4 : j;
}

// Where a thread stands in an mma fragment.
struct MmaLane {
  int row;  // of the warp's 16, counted from the tile's first
  int g, t;
  __device__ MmaLane()
      : row(static_cast<int>(threadIdx.x) / 32 * 16),
        g(static_cast<int>(threadIdx.x) % 32 / 4),
        t(static_cast<int>(threadIdx.x) % 4) {}
};

__device__ __forceinline__ std::uint32_t bf16_pair(const float* at) {
  const float2 pair = *reinterpret_cast<const float2*>(at);
  return pack_bf16(pair.x, pair.y);
}

/// values += A [64, k] B [kCols, k]' with k a multiple of 32; what `values` means is the
/// arithmetic's own until to_patch().
template <Precision kPrecision, int kCols>
__device__ __forceinline__ void multiply_rows(const float* a, int stride_a, const float* b,
                                              int stride_b, int k_count,
                                              float (&values)[Patch<kCols>::kRows][4]) {
  if constexpr (kPrecision == Precision::fp32) {
    using P = Patch<kCols>;
    const float* a_row = a + P::row(0) * stride_a;
    const float* b_row = b + P::col() / 4 * stride_b;
#pragma unroll 2
    for (int k = 0; k < k_count; k += 4) {
      float4 v[4];
#pragma unroll
      for (int c = 0; c < 4; ++c) {
        v[c] = *reinterpret_cast<const float4*>(b_row + c * P::kAcross * stride_b + k);
      }
#pragma unroll
      for (int r = 0; r < P::kRows; ++r) {
        const int row = r / 4 * 4 * P::kDown + r % 4;
        const float4 u = *reinterpret_cast<const float4*>(a_row + row * stride_a + k);
#pragma unroll
        for (int c = 0; c < 4; ++c) {
          float sum = values[r][c];
          sum = fmaf(u.x, v[c].x, sum);
          sum = fmaf(u.y, v[c].y, sum);
          sum = fmaf(u.z, v[c].z, sum);
          values[r][c] = fmaf(u.w, v[c].w, sum);
        }
      }
    }
  } else {
    constexpr int kStep = kPrecision == Precision::tf32 ? 8 : 16;
    const MmaLane at;
    const float* upper = a + (at.row + at.g) * stride_a;
    const float* lower = upper + 8 * stride_a;
    const float* columns = b + at.g * stride_b;
    for (int k = 0; k < k_count; k += kStep) {
      std::uint32_t fa[4];
      if constexpr (kPrecision == Precision::tf32) {
        fa[0] = to_tf32(upper[k + at.t]);
        fa[1] = to_tf32(lower[k + at.t]);
        fa[2] = to_tf32(upper[k + at.t + 4]);
        fa[3] = to_tf32(lower[k + at.t + 4]);
      } else {
        fa[0] = bf16_pair(upper + k + 2 * at.t);
        fa[1] = bf16_pair(lower + k + 2 * at.t);
        fa[2] = bf16_pair(upper + k + 2 * at.t + 8);
        fa[3] = bf16_pair(lower + k + 2 * at.t + 8);
      }
#pragma unroll
      for (int n = 0; n < kCols / 8; ++n) {
        const float* column = columns + n * 8 * stride_b + k;
        if constexpr (kPrecision == Precision::tf32) {
          const std::uint32_t fb[2] = {to_tf32(column[at.t]), to_tf32(column[at.t + 4])};
          mma_m16n8k8_tf32(values[n], fa, fb);
        } else {
          const std::uint32_t fb[2] = {bf16_pair(column + 2 * at.t),
                                       bf16_pair(column + 2 * at.t + 8)};
          mma_m16n8k16_bf16(values[n], fa, fb);
        }
      }
    }
  }
}

/// The thread's patch into the tile [64, kCols] in shared memory, and out of it.
template <int kCols>
__device__ __forceinline__ void store_patch(const float (&values)[Patch<kCols>::kRows][4],
                                            float* tile, int stride) {
#pragma unroll
  for (int r = 0; r < Patch<kCols>::kRows; ++r) {
    *reinterpret_cast<float4*>(tile + Patch<kCols>::row(r) * stride + Patch<kCols>::col()) = {
        values[r][0], values[r][1], values[r][2], values[r][3]};
  }
}
template <int kCols>
__device__ __forceinline__ void load_patch(const float* tile, int stride,
                                           float (&values)[Patch<kCols>::kRows][4]) {
#pragma unroll
  for (int r = 0; r < Patch<kCols>::kRows; ++r) {
    const float4 v = *reinterpret_cast<const float4*>(tile + Patch<kCols>::row(r) * stride +
                                                      Patch<kCols>::col());
    values[r][0] = v.x;
    values[r][1] = v.y;
    values[r][2] = v.z;
    values[r][3] = v.w;
  }
}

/// Turns what multiply_rows gave into patches. `tile` [64, kCols] is free shared memory that all
/// threads have left; afterwards each thread alone uses its patch of it. Every thread enters.
template <Precision kPrecision, int kCols>
__device__ __forceinline__ void to_patch(float (&values)[Patch<kCols>::kRows][4], float* tile,
                                         int stride) {
  if constexpr (kPrecision != Precision::fp32) {
    const MmaLane at;
    float* upper = tile + (at.row + at.g) * stride + 2 * at.t;
#pragma unroll
    for (int n = 0; n < kCols / 8; ++n) {
      *reinterpret_cast<float2*>(upper + 8 * n) = {values[n][0], values[n][1]};
      *reinterpret_cast<float2*>(upper + 8 * stride + 8 * n) = {values[n][2], values[n][3]};
    }
    __syncthreads();
    load_patch<kCols>(tile, stride, values);
  }
}

/// Accumulators of C [64, kCols] Y [kCols, kQ].
template <Precision kPrecision, int kCols, int kQ>
struct RowProduct {
  static constexpr bool kFfma = kPrecision == Precision::fp32;
  static constexpr int kAcross = kQ < 64 ? kQ / 4 : 16;  // threads side by side, 4 columns each
  static constexpr int kDown = kTileThreads / kAcross;
  static constexpr int kRows = kTileRows / kDown;
  static constexpr int kUnits = kQ / (4 * kAcross);  // of 4 columns, 4 kAcross apart

  float sums[kQ / 8][4] = {};

  /// sums += C Y.
  __device__ __forceinline__ void add(const float* c, int stride_c, const float* y, int stride_y) {
    if constexpr (kFfma) {
      const float* c_row = c + ffma_row(0) * stride_c;
      const float* y_col = y + ffma_col(0);
#pragma unroll 1
      for (int j = 0; j < kCols; j += 4) {
        float4 v[kRows];
#pragma unroll
        for (int r = 0; r < kRows; ++r) {
          v[r] = *reinterpret_cast<const float4*>(c_row + r * kDown * stride_c + j);
        }
#pragma unroll
        for (int k = 0; k < 4; ++k) {
#pragma unroll
          for (int u = 0; u < kUnits; ++u) {
            const float4 w = *reinterpret_cast<const float4*>(
                y_col + (k * (kCols / 4) + j / 4) * stride_y + u * 4 * kAcross);
#pragma unroll
            for (int r = 0; r < kRows; ++r) {
              const float f = k == 0 ? v[r].x : k == 1 ? v[r].y : k == 2 ? v[r].z : v[r].w;
              float(&sum)[4] = sums[r * kUnits + u];
              sum[0] = fmaf(f, w.x, sum[0]);
              sum[1] = fmaf(f, w.y, sum[1]);
              sum[2] = fmaf(f, w.z, sum[2]);
              sum[3] = fmaf(f, w.w, sum[3]);
            }
          }
        }
      }
    } else {
      constexpr int kStep = kPrecision == Precision::tf32 ? 8 : 16;
      const MmaLane at;
      const float* upper = c + (at.row + at.g) * stride_c;
      const float* lower = upper + 8 * stride_c;
#pragma unroll 1
      for (int j = 0; j < kCols; j += kStep) {
        std::uint32_t fa[4];
        if constexpr (kPrecision == Precision::tf32) {
          fa[0] = to_tf32(upper[j + at.t]);
          fa[1] = to_tf32(lower[j + at.t]);
          fa[2] = to_tf32(upper[j + at.t + 4]);
          fa[3] = to_tf32(lower[j + at.t + 4]);
        } else {
          fa[0] = bf16_pair(upper + j + 2 * at.t);
          fa[1] = bf16_pair(lower + j + 2 * at.t);
          fa[2] = bf16_pair(upper + j + 2 * at.t + 8);
          fa[3] = bf16_pair(lower + j + 2 * at.t + 8);
        }
        const float* row = y + j * stride_y + at.g;
#pragma unroll
        for (int n = 0; n < kQ / 8; ++n) {
          if constexpr (kPrecision == Precision::tf32) {
            const std::uint32_t fb[2] = {to_tf32(row[at.t * stride_y + 8 * n]),
                                         to_tf32(row[(at.t + 4) * stride_y + 8 * n])};
            mma_m16n8k8_tf32(sums[n], fa, fb);
          } else {
            const float* first = row + 2 * at.t * stride_y + 8 * n;
            const std::uint32_t fb[2] = {pack_bf16(first[0], first[stride_y]),
                                         pack_bf16(first[8 * stride_y], first[9 * stride_y])};
            mma_m16n8k16_bf16(sums[n], fa, fb);
          }
        }
      }
    }
  }

  /// The same for differences, sums_ik += sum_j c_ij (y_jk - x_ik), in plain arithmetic.
  __device__ __forceinline__ void add_differences(const float* c, int stride_c, const float* y,
                                                  int stride_y, const float* x, int stride_x) {
#pragma unroll 1
    for (int j = 0; j < kCols; ++j) {
      const float* y_row = y + column_slot<kPrecision, kCols>(j) * stride_y;
      for_sums([&](float& sum, int row, int col) {
        sum = fmaf(c[row * stride_c + j], y_row[col] - x[row * stride_x + col], sum);
      });
    }
  }

  /// f(sum, row, column) for every accumulator of the thread.
  template <class F>
  __device__ __forceinline__ void for_sums(F f) {
    if constexpr (kFfma) {
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
#pragma unroll
        for (int u = 0; u < kUnits; ++u) {
#pragma unroll
          for (int e = 0; e < 4; ++e) {
            f(sums[r * kUnits + u][e], ffma_row(r), ffma_col(u) + e);
          }
        }
      }
    } else {
      const MmaLane at;
#pragma unroll
      for (int n = 0; n < kQ / 8; ++n) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          f(sums[n][e], at.row + at.g + e / 2 * 8, 8 * n + 2 * at.t + e % 2);
        }
      }
    }
  }

 private:
  __device__ static int ffma_row(int r) {
    return static_cast<int>(threadIdx.x) / kAcross + r * kDown;
  }
  __device__ static int ffma_col(int u) {
    return static_cast<int>(threadIdx.x) % kAcross * 4 + u * 4 * kAcross;
  }
};

}  // namespace clipk::gpu
