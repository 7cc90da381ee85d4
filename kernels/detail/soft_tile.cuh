// A tile of points against all centres: values, what a point makes of its values, and the gradients
// of the tile. See soft_assignment.cu for the plan.
#pragma once

#include <cfloat>

#include "clipk/core/view.hpp"
#include "kernels/detail/portable.cuh"

namespace clipk::gpu::soft {

inline constexpr int kThreads = 256;
inline constexpr int kChunk = 32;          // dimensions in shared memory
inline constexpr int kPitch = kChunk + 1;  // of a point's chunk: columns are read without conflicts
inline constexpr int kCentres = 64;        // of a chunk

struct SoftArguments {
  MatrixView<const float> points, centres;
  float alpha;  // 0 for von Mises-Fisher
  float kappa;
  MatrixView<float> q;
  MatrixView<const float> p;
  const double* target_sums;
  float factor;  // of the gradients
  MatrixView<float> grad_points;
  bool centre_gradients;
  std::int64_t tiles;
  // Float64 partials of a block, or null.
  double* sums;    // [blocks, k]
  double* grads;   // [blocks, k, d]
  double* losses;  // [blocks]
};

// The chunk of a tile's rows and of some centres; what lies outside is 0.
template <int kPoints>
struct Chunks {
  float z[kPoints][kPitch];
  alignas(16) float m[kCentres][kChunk];
};

template <bool kAligned, int kRows, int kStride>
__device__ void load_chunk(float (&to)[kRows][kStride], MatrixView<const float> from,
                           std::int64_t first, int column) {
  const int cols = static_cast<int>(from.cols);
  for (int e = static_cast<int>(threadIdx.x); e < kRows * (kChunk / 4); e += kThreads) {
    const int r = e / (kChunk / 4), c = e % (kChunk / 4) * 4;
    float4 v{0.f, 0.f, 0.f, 0.f};
    if (first + r < from.rows) {
      v = load_row4<kAligned>(from.data + (first + r) * from.stride, column + c, cols);
    }
    to[r][c + 0] = v.x;
    to[r][c + 1] = v.y;
    to[r][c + 2] = v.z;
    to[r][c + 3] = v.w;
  }
}

template <int kPoints>
struct Tile {
  static constexpr int kStride = kPoints + 1;         // of a centre's values
  static constexpr int kGroups = kThreads / kPoints;  // of threads that share a tile
  static constexpr int kLanes = kGroups < 32 ? kGroups : 32;
};

// values[j][i]: squared distances, or dot products. Ends with the block in step.
template <int kPoints, bool kAligned, bool kDot>
__device__ void tile_values(const SoftArguments& a, std::int64_t first, Chunks<kPoints>& chunks,
                            float* values) {
  using T = Tile<kPoints>;
  const int k = static_cast<int>(a.centres.rows), dim = static_cast<int>(a.points.cols);
  const int i = static_cast<int>(threadIdx.x) % kPoints;
  const int group = static_cast<int>(threadIdx.x) / kPoints;
  for (int column = 0; column < dim; column += kChunk) {
    __syncthreads();  // the chunk before has been read
    load_chunk<kAligned>(chunks.z, a.points, first, column);
    const int steps = min(kChunk, (dim - column + 3) / 4 * 4);
    for (int j0 = 0; j0 < k; j0 += kCentres) {
      if (j0 > 0) __syncthreads();
      load_chunk<kAligned>(chunks.m, a.centres, j0, column);
      __syncthreads();
#pragma unroll 1
      for (int j = 4 * group; j < kCentres && j0 + j < k; j += 4 * T::kGroups) {
        float sum[4] = {};
#pragma unroll 2
        for (int t = 0; t < steps; t += 4) {
          float z[4];
#pragma unroll
          for (int u = 0; u < 4; ++u) z[u] = chunks.z[i][t + u];
#pragma unroll
          for (int s = 0; s < 4; ++s) {
            const float4 m = *reinterpret_cast<const float4*>(&chunks.m[j + s][t]);
            const float v[4] = {m.x, m.y, m.z, m.w};
#pragma unroll
            for (int u = 0; u < 4; ++u) {
              const float b = kDot ? v[u] : z[u] - v[u];
              sum[s] = fmaf(kDot ? z[u] : b, b, sum[s]);
            }
          }
        }
#pragma unroll
        for (int s = 0; s < 4; ++s) {
          if (j0 + j + s >= k) continue;
          float& value = values[(j0 + j + s) * T::kStride + i];
          value = column == 0 ? sum[s] : value + sum[s];
        }
      }
    }
  }
  __syncthreads();
}

// Over the threads that share a point, neighbours within a warp.
template <int kLanes, class Combine>
__device__ __forceinline__ float point_reduce(float value, Combine combine) {
#pragma unroll
  for (int step = kLanes / 2; step > 0; step /= 2) {
    value = combine(value, __shfl_xor_sync(kFullWarp, value, step));
  }
  return value;
}
template <int kLanes>
__device__ __forceinline__ float point_sum(float value) {
  return point_reduce<kLanes>(value, [](float x, float y) { return x + y; });
}

// One point of a tile, its centres shared by kLanes neighbouring threads. After construction its
// values are 1 / (1 + d2) for Student's t with alpha = 1, else logarithms of the kernel.
template <int kLanes>
struct Point {
  const SoftArguments& a;
  float* values;  // of this point: [k], `stride` apart
  int stride, k, lane;
  float top = 0.f, sum = 0.f;

  __device__ Point(const SoftArguments& arguments, float* values_, int stride_)
      : a(arguments),
        values(values_),
        stride(stride_),
        k(static_cast<int>(arguments.centres.rows)),
        lane(static_cast<int>(threadIdx.x) % kLanes) {
    if (a.alpha == 1.f) {
      for (int j = lane; j < k; j += kLanes) {
        const float u = 1.f / (1.f + values[j * stride]);
        values[j * stride] = u;
        sum += u;
      }
    } else {
      top = -INFINITY;
      for (int j = lane; j < k; j += kLanes) {
        const float v = values[j * stride];
        const float s = a.alpha > 0.f ? -.5f * (a.alpha + 1.f) * log1pf(v / a.alpha) : a.kappa * v;
        values[j * stride] = s;
        top = fmaxf(top, s);
      }
      top = point_reduce<kLanes>(top, [](float x, float y) { return fmaxf(x, y); });
      for (int j = lane; j < k; j += kLanes) sum += expf(values[j * stride] - top);
    }
    sum = point_sum<kLanes>(sum);
  }

  __device__ float q(int j) const {
    const float v = values[j * stride];
    return (a.alpha == 1.f ? v : expf(v - top)) / sum;
  }
  /// 1 / (1 + d2 / alpha)
  __device__ float u(int j) const {
    const float v = values[j * stride];
    return a.alpha == 1.f ? v : expf(2.f / (a.alpha + 1.f) * v);
  }

  /// From values to coefficients of the gradient. Returns this lane's part of the sum over the
  /// centres of p log(p / q).
  template <bool kDot>
  __device__ float coefficients(std::int64_t row, bool valid) {
    const bool formed = a.p.data == nullptr;
    float scale = 1.f;
    if (formed) {
      float total = 0.f;
      for (int j = lane; j < k; j += kLanes) total += squared(j);
      scale = 1.f / point_sum<kLanes>(total);
    }
    float loss = 0.f;
    for (int j = lane; j < k; j += kLanes) {
      const float share = q(j);
      float p = 0.f;
      if (formed) {
        p = squared(j) * scale;
      } else if (valid) {
        p = __ldg(a.p.data + row * a.p.stride + j);
      }
      if (p != 0.f) loss += p * logf(p / (share < FLT_MIN ? FLT_MIN : share));
      values[j * stride] = kDot ? a.factor * (share - p) : a.factor * (p - share) * u(j);
    }
    return valid ? loss : 0.f;
  }

 private:
  __device__ float squared(int j) const {
    const float share = q(j);
    return share * (share * static_cast<float>(1 / fmax(__ldg(a.target_sums + j), 1e-30)));
  }
};

template <int kPoints>
__device__ __forceinline__ int tile_rows(const SoftArguments& a, std::int64_t first) {
  return a.points.rows - first < kPoints ? static_cast<int>(a.points.rows - first) : kPoints;
}

// Elements t of centres j, j + 1, ... from the coefficients and the chunk of the tile's rows.
template <int kPoints, bool kDot>
__device__ void add_centre_gradients(const SoftArguments& a, const Chunks<kPoints>& chunks,
                                     const float* c, int rows, int j0, int column, bool start) {
  using T = Tile<kPoints>;
  const int k = static_cast<int>(a.centres.rows), dim = static_cast<int>(a.points.cols);
  const int t = static_cast<int>(threadIdx.x) % kChunk;
  if (column + t >= dim) return;
  for (int j = 4 * (static_cast<int>(threadIdx.x) / kChunk); j < kCentres && j0 + j < k;
       j += 4 * (kThreads / kChunk)) {
    float m[4], sum[4] = {};
    const float* factors[4];
#pragma unroll
    for (int s = 0; s < 4; ++s) {
      m[s] = chunks.m[j + s][t];
      factors[s] = c + min(j0 + j + s, k - 1) * T::kStride;
    }
    for (int r = 0; r < rows; ++r) {
      const float z = chunks.z[r][t];
#pragma unroll
      for (int s = 0; s < 4; ++s) {
        sum[s] = kDot ? fmaf(factors[s][r], z, sum[s]) : fmaf(-factors[s][r], z - m[s], sum[s]);
      }
    }
#pragma unroll
    for (int s = 0; s < 4; ++s) {
      if (j0 + j + s >= k) continue;
      double& to =
          a.grads[(static_cast<std::int64_t>(blockIdx.x) * k + j0 + j + s) * dim + column + t];
      to = start ? static_cast<double>(sum[s]) : to + static_cast<double>(sum[s]);
    }
  }
}

// sum[u] of this thread's coordinates t ... t + 3 of point i, over the centres of the chunk.
template <int kPoints, bool kDot>
__device__ void point_gradients(const Chunks<kPoints>& chunks, const float* c, int centres, int i,
                                int t, float (&sum)[4]) {
  float z[4];
#pragma unroll
  for (int u = 0; u < 4; ++u) z[u] = chunks.z[i][t + u];
  for (int j = 0; j < centres; ++j) {
    const float factor = c[j * Tile<kPoints>::kStride + i];
    const float4 m = *reinterpret_cast<const float4*>(&chunks.m[j][t]);
    const float v[4] = {m.x, m.y, m.z, m.w};
#pragma unroll
    for (int u = 0; u < 4; ++u) sum[u] = fmaf(factor, kDot ? v[u] : z[u] - v[u], sum[u]);
  }
}

// Both gradients of a tile from its coefficients.
template <int kPoints, bool kAligned, bool kDot>
__device__ void tile_gradients(const SoftArguments& a, std::int64_t first, int rows, bool start,
                               Chunks<kPoints>& chunks, const float* c) {
  using T = Tile<kPoints>;
  // Groups of four coordinates that a thread works on.
  constexpr int kOwned = (kPoints * kChunk / 4 + kThreads - 1) / kThreads;
  const int k = static_cast<int>(a.centres.rows), dim = static_cast<int>(a.points.cols);
  const int i = static_cast<int>(threadIdx.x) % kPoints;
  const int group = static_cast<int>(threadIdx.x) / kPoints;
  const bool kept = dim <= kChunk && k <= kCentres;
  for (int column = 0; column < dim; column += kChunk) {
    if (!kept) {
      __syncthreads();
      load_chunk<kAligned>(chunks.z, a.points, first, column);
    }
    float sum[kOwned][4] = {};
    for (int j0 = 0; j0 < k; j0 += kCentres) {
      if (!kept) {
        if (j0 > 0) __syncthreads();
        load_chunk<kAligned>(chunks.m, a.centres, j0, column);
        __syncthreads();
      }
      if (a.centre_gradients) {
        add_centre_gradients<kPoints, kDot>(a, chunks, c, rows, j0, column, start);
      }
      if (a.grad_points.data == nullptr) continue;
#pragma unroll
      for (int o = 0; o < kOwned; ++o) {
        const int t = 4 * (group + o * T::kGroups);
        if (t < kChunk && column + t < dim) {
          point_gradients<kPoints, kDot>(chunks, c + j0 * T::kStride, min(kCentres, k - j0), i, t,
                                         sum[o]);
        }
      }
    }
    if (a.grad_points.data == nullptr) continue;
    __syncthreads();  // the rows have been read by all
#pragma unroll
    for (int o = 0; o < kOwned; ++o) {
      const int t = 4 * (group + o * T::kGroups);
      if (t >= kChunk) continue;
#pragma unroll
      for (int u = 0; u < 4; ++u) chunks.z[i][t + u] = sum[o][u];
    }
    __syncthreads();
    const int width = min(kChunk, dim - column);
    for (int e = static_cast<int>(threadIdx.x); e < rows * width; e += kThreads) {
      a.grad_points.data[(first + e / width) * a.grad_points.stride + column + e % width] +=
          chunks.z[e / width][e % width];
    }
  }
}

}  // namespace clipk::gpu::soft
