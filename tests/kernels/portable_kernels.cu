#include "kernels/portable_kernels.hpp"

#include "kernels/detail/portable.cuh"

namespace clipk::test {
namespace {

using gpu::Launch;

__global__ void philox_kernel(const uint4* counters, const uint2* keys, int n, uint4* out) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < n) out[i] = gpu::philox4x32_10(counters[i], keys[i]);
}

__global__ void conversion_kernel(const float* x, int n, std::uint32_t* bits) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= n) return;
  bits[4 * i] = gpu::to_tf32(x[i]);
  gpu::split_tf32(x[i], bits[4 * i + 1], bits[4 * i + 2]);
  bits[4 * i + 3] = gpu::pack_bf16(x[i], -x[i]);
}

__global__ void mma_tf32_kernel(const float* a, const float* b, int depth, float* c) {
  const int g = static_cast<int>(threadIdx.x) / 4, t = static_cast<int>(threadIdx.x) % 4;
  float d[4] = {};
  for (int k = 0; k < depth; k += 8) {
    std::uint32_t fa[4], fb[2];
    for (int i = 0; i < 4; ++i) {
      fa[i] = gpu::to_tf32(a[(g + 8 * (i % 2)) * depth + k + t + 4 * (i / 2)]);
    }
    for (int i = 0; i < 2; ++i) fb[i] = gpu::to_tf32(b[(k + t + 4 * i) * 8 + g]);
    gpu::mma_m16n8k8_tf32(d, fa, fb);
  }
  for (int i = 0; i < 4; ++i) c[(g + 8 * (i / 2)) * 8 + 2 * t + i % 2] = d[i];
}

__global__ void mma_bf16_kernel(const float* a, const float* b, int depth, float* c) {
  const int g = static_cast<int>(threadIdx.x) / 4, t = static_cast<int>(threadIdx.x) % 4;
  float d[4] = {};
  for (int k = 0; k < depth; k += 16) {
    std::uint32_t fa[4], fb[2];
    for (int i = 0; i < 4; ++i) {
      const float* from = a + (g + 8 * (i % 2)) * depth + k + 2 * t + 8 * (i / 2);
      fa[i] = gpu::pack_bf16(from[0], from[1]);
    }
    for (int i = 0; i < 2; ++i) {
      const float* from = b + (k + 2 * t + 8 * i) * 8 + g;
      fb[i] = gpu::pack_bf16(from[0], from[8]);
    }
    gpu::mma_m16n8k16_bf16(d, fa, fb);
  }
  for (int i = 0; i < 4; ++i) c[(g + 8 * (i / 2)) * 8 + 2 * t + i % 2] = d[i];
}

__global__ void ldmatrix_kernel(const std::uint32_t* a, std::uint32_t* out) {
  CLIPK_SHARED(std::uint32_t, rows, [32][4]);
  const int lane = static_cast<int>(threadIdx.x);
  for (int i = 0; i < 4; ++i) rows[lane][i] = a[4 * lane + i];
  __syncwarp();
  std::uint32_t r[4];
  gpu::ldmatrix_x4(r, &rows[lane][0]);
  for (int i = 0; i < 4; ++i) out[4 * lane + i] = r[i];
}

__global__ void cp_async_kernel(const float* x, int n, float* out) {
  CLIPK_SHARED(float, stage, [2][32][4]);
  const int thread = static_cast<int>(threadIdx.x);
  for (int half = 0; half < 2; ++half) {
    const int first = (32 * half + thread) * 4;
    const int left = n - first;
    const int bytes = left >= 4 ? 16 : left > 0 ? 4 * left : 0;
    gpu::cp_async_16(&stage[half][thread][0], bytes > 0 ? x + first : x, bytes);
    gpu::cp_async_commit();
  }
  const int other = (thread + 7) % 32;  // another thread's copy: needs the barrier
  gpu::cp_async_wait<1>();
  __syncthreads();
  for (int i = 0; i < 4; ++i) out[other * 4 + i] = stage[0][other][i];
  gpu::cp_async_wait<0>();
  __syncthreads();
  for (int i = 0; i < 4; ++i) out[(32 + other) * 4 + i] = stage[1][other][i];
}

__global__ void block_kernel(const float* x, float* out) {
  CLIPK_SHARED(float, scratch, [32]);
  const float value = x[threadIdx.x];
  out[threadIdx.x] = gpu::block_sum(value, scratch);
  out[blockDim.x + threadIdx.x] =
      gpu::block_reduce(value, INFINITY, scratch, [](float a, float b) { return b < a ? b : a; });
  out[2 * blockDim.x + threadIdx.x] = gpu::warp_max(
      gpu::block_reduce(value, -INFINITY, scratch, [](float a, float b) { return a < b ? b : a; }));
}

__global__ void grid_sum_kernel(const float* x, int n, double* partials, unsigned* ticket,
                                double* total) {
  CLIPK_SHARED(double, scratch, [32]);
  double mine = 0, sum = 0;
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < static_cast<unsigned>(n);
       i += gridDim.x * blockDim.x) {
    mine += x[i];
  }
  if (gpu::grid_sum(mine, scratch, partials, ticket, sum) && threadIdx.x == 0) *total = sum;
}

__global__ void reverse_kernel(const float* x, int n, float* out) {
  CLIPK_DYN_SHARED(float, values);
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x)) {
    values[n - 1 - i] = x[i];
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x)) {
    out[i] = values[i];
  }
}

template <bool kAligned>
__global__ void load_row4_kernel(const float* x, int columns, float4* out) {
  const int padded = static_cast<int>(blockDim.x);
  out[blockIdx.x * padded + threadIdx.x] = gpu::load_row4<kAligned>(
      x + static_cast<int>(blockIdx.x) * columns, 4 * static_cast<int>(threadIdx.x), columns);
}

}  // namespace

void run_philox(const uint4* counters, const uint2* keys, int n, uint4* out, cudaStream_t stream) {
  CLIPK_LAUNCH(philox_kernel, (Launch{dim3(1), dim3(32), 0, stream}), counters, keys, n, out);
}

void run_conversions(const float* x, int n, std::uint32_t* bits, cudaStream_t stream) {
  CLIPK_LAUNCH(conversion_kernel, (Launch{dim3(gpu::ceil_div(n, 64)), dim3(64), 0, stream}), x, n,
               bits);
}

void run_mma_tf32(const float* a, const float* b, int k, float* c, cudaStream_t stream) {
  CLIPK_LAUNCH(mma_tf32_kernel, (Launch{dim3(1), dim3(32), 0, stream}), a, b, k, c);
}

void run_mma_bf16(const float* a, const float* b, int k, float* c, cudaStream_t stream) {
  CLIPK_LAUNCH(mma_bf16_kernel, (Launch{dim3(1), dim3(32), 0, stream}), a, b, k, c);
}

void run_ldmatrix(const std::uint32_t* a, std::uint32_t* out, cudaStream_t stream) {
  CLIPK_LAUNCH(ldmatrix_kernel, (Launch{dim3(1), dim3(32), 0, stream}), a, out);
}

void run_cp_async(const float* x, int n, float* out, cudaStream_t stream) {
  CLIPK_LAUNCH(cp_async_kernel, (Launch{dim3(1), dim3(32), 0, stream}), x, n, out);
}

void run_block_reductions(const float* x, int threads, float* out, cudaStream_t stream) {
  CLIPK_LAUNCH(block_kernel, (Launch{dim3(1), dim3(static_cast<unsigned>(threads)), 0, stream}), x,
               out);
}

void run_grid_sum(const float* x, int n, double* partials, unsigned* ticket, double* total,
                  int blocks, cudaStream_t stream) {
  CLIPK_LAUNCH(grid_sum_kernel, (Launch{dim3(static_cast<unsigned>(blocks)), dim3(96), 0, stream}),
               x, n, partials, ticket, total);
}

void run_large_shared(const float* x, int n, bool allow, float* out, cudaStream_t stream) {
  const std::size_t bytes = sizeof(float) * static_cast<std::size_t>(n);
  if (allow) gpu::allow_dynamic_shared(reverse_kernel, bytes);
  CLIPK_LAUNCH(reverse_kernel, (Launch{dim3(1), dim3(128), bytes, stream}), x, n, out);
}

void run_load_row4(const float* x, int rows, int columns, float* out, cudaStream_t stream) {
  const Launch launch{dim3(static_cast<unsigned>(rows)), dim3(gpu::ceil_div(columns, 4)), 0,
                      stream};
  if (gpu::rows_allow_float4(x, columns, columns)) {
    CLIPK_LAUNCH((load_row4_kernel<true>), launch, x, columns, reinterpret_cast<float4*>(out));
  } else {
    CLIPK_LAUNCH((load_row4_kernel<false>), launch, x, columns, reinterpret_cast<float4*>(out));
  }
}

}  // namespace clipk::test
