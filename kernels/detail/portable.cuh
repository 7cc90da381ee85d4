// What kernel files include instead of CUDA's own spelling: shared memory, launches, tensor cores,
// asynchronous copies and the block-wide helpers every kernel needs.
//
// A kernel file is compiled twice: by nvcc for the GPU, and by the host compiler with CLIPK_SIMT
// for the test harness that runs each CUDA thread on the CPU (tests/simt/README.md). This is the
// only header whose text differs between the two, so raw <<<>>>, __shared__ and inline PTX stay in
// here. Everything below the line "same text for both" is one source.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "clipk/core/error.hpp"

#ifdef CLIPK_SIMT
#include "simt/runtime/device.hpp"
#else
#include <cuda_runtime.h>
#endif

// ---- Shared memory ------------------------------------------------------------------------------
//
//   CLIPK_SHARED(float, tile, [16][65]);    a __shared__ array, aligned to 16 bytes at least
//   CLIPK_SHARED(int, flag);                a __shared__ scalar
//   CLIPK_DYN_SHARED(float, rows);          float* to the launch's shared_bytes, 128-byte aligned

#ifdef CLIPK_SIMT
#define CLIPK_SHARED(T, name, ...)                                                             \
  using name##_shared_type = T __VA_ARGS__;                                                    \
  static const char name##_shared_key = 0;                                                     \
  name##_shared_type& name = *static_cast<name##_shared_type*>(::clipk::simt::shared_variable( \
      &name##_shared_key, sizeof(name##_shared_type), alignof(name##_shared_type), #name))
#define CLIPK_DYN_SHARED(T, name) T* const name = static_cast<T*>(::clipk::simt::dynamic_shared())
#else
#define CLIPK_SHARED(T, name, ...) __shared__ __align__(16) T name __VA_ARGS__
#define CLIPK_DYN_SHARED(T, name)                                         \
  extern __shared__ __align__(128) unsigned char clipk_dynamic_shared_[]; \
  T* const name = reinterpret_cast<T*>(clipk_dynamic_shared_)
#endif

// ---- Launch -------------------------------------------------------------------------------------
//
//   CLIPK_LAUNCH(scale_kernel, (Launch{grid, block}), x, n);
//   CLIPK_LAUNCH((scale_kernel<4, true>), (Launch{grid, block, bytes, stream}), x, n);
//
// Launches nothing when the grid is empty; throws clipk::Error when CUDA refuses the launch.
#define CLIPK_LAUNCH(kernel, launch, ...) \
  ::clipk::gpu::launch_kernel(#kernel, kernel, launch __VA_OPT__(, ) __VA_ARGS__)

namespace clipk::gpu {

struct Launch {
  dim3 grid, block;
  std::size_t shared_bytes = 0;  // dynamic; above 48 KB the kernel needs allow_dynamic_shared()
  cudaStream_t stream = nullptr;
};

/// Throws clipk::Error naming `what` unless `status` is cudaSuccess.
inline void check_cuda(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // an error that is thrown is not to be found again by the next call
  throw Error(std::string(what) + ": " + cudaGetErrorString(status));
}

namespace detail {
inline std::string describe(const char* kernel, const Launch& launch) {
  auto triple = [](const dim3& d) {
    return std::to_string(d.x) + "x" + std::to_string(d.y) + "x" + std::to_string(d.z);
  };
  return "kernel " + std::string(kernel) + ", grid " + triple(launch.grid) + ", block " +
         triple(launch.block) + ", " + std::to_string(launch.shared_bytes) + " B of shared memory";
}
}  // namespace detail

template <class... P, class... A>
void launch_kernel(const char* name, void (*kernel)(P...), const Launch& launch, A&&... args) {
  if (launch.grid.x == 0 || launch.grid.y == 0 || launch.grid.z == 0) return;
#ifdef CLIPK_SIMT
  const cudaError_t status = simt::enqueue_kernel(
      name, reinterpret_cast<const void*>(kernel), launch.grid, launch.block, launch.shared_bytes,
      launch.stream, simt::bind_kernel(kernel, std::forward<A>(args)...));
#else
  cudaLaunchConfig_t config{};
  config.gridDim = launch.grid;
  config.blockDim = launch.block;
  config.dynamicSmemBytes = launch.shared_bytes;
  config.stream = launch.stream;
  const cudaError_t status =
      cudaLaunchKernelEx(&config, kernel, static_cast<P>(std::forward<A>(args))...);
#endif
  if (status != cudaSuccess) check_cuda(status, detail::describe(name, launch).c_str());
}

/// Lets `kernel` be launched with up to `bytes` of dynamic shared memory. Call it before every
/// launch that asks for more than 48 KB (cheap; it sets a function attribute).
template <class... P>
void allow_dynamic_shared(void (*kernel)(P...), std::size_t bytes) {
  check_cuda(
      cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                           cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)),
      "dynamic shared memory of a kernel");
}

constexpr unsigned ceil_div(std::int64_t a, std::int64_t b) {
  return static_cast<unsigned>((a + b - 1) / b);
}

// ---- Tensor cores -------------------------------------------------------------------------------
//
// Fragments follow the PTX ISA's tables. With lane = 4 g + t (g = lane / 4, t = lane % 4):
//
//   m16n8k8 tf32    A row-major 16x8   a0 (g, t)  a1 (g+8, t)  a2 (g, t+4)  a3 (g+8, t+4)
//                   B col-major 8x8    b0 (k=t, n=g)  b1 (k=t+4, n=g)
//   m16n8k16 bf16   A row-major 16x16  a0 (g, 2t..2t+1)  a1 (g+8, 2t..)  a2 (g, 2t+8..)
//                                      a3 (g+8, 2t+8..)   two values a register, low half first
//                   B col-major 16x8   b0 (k=2t..2t+1, n=g)  b1 (k=2t+8.., n=g)
//   both            C, D 16x8 float    d0 (g, 2t)  d1 (g, 2t+1)  d2 (g+8, 2t)  d3 (g+8, 2t+1)

/// x rounded to tf32 (10 mantissa bits, ties away from zero), as a register for mma.
__device__ __forceinline__ std::uint32_t to_tf32(float x) {
#ifdef CLIPK_SIMT
  return simt::round_to_tf32(x);
#elif __CUDA_ARCH__ >= 800
  std::uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits & 0xFFFFE000u;
#else
  return __float_as_uint(x) & 0xFFFFE000u;
#endif
}

/// Two floats rounded to bf16 (nearest even), `low` in the low half.
__device__ __forceinline__ std::uint32_t pack_bf16(float low, float high) {
#ifdef CLIPK_SIMT
  return simt::round_to_bf16(low) | simt::round_to_bf16(high) << 16;
#elif __CUDA_ARCH__ >= 800
  std::uint32_t bits;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
#else
  return __float_as_uint(low) >> 16 | (__float_as_uint(high) & 0xFFFF0000u);
#endif
}

/// D += A B on one warp, 16x8x8, tf32 operands, float accumulators.
__device__ __forceinline__ void mma_m16n8k8_tf32(float (&d)[4], const std::uint32_t (&a)[4],
                                                 const std::uint32_t (&b)[2]) {
#ifdef CLIPK_SIMT
  simt::mma_m16n8k8_tf32(d, a, b);
#elif __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  __trap();
#endif
}

/// D += A B on one warp, 16x8x16, bf16 operands, float accumulators.
__device__ __forceinline__ void mma_m16n8k16_bf16(float (&d)[4], const std::uint32_t (&a)[4],
                                                  const std::uint32_t (&b)[2]) {
#ifdef CLIPK_SIMT
  simt::mma_m16n8k16_bf16(d, a, b);
#elif __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  __trap();
#endif
}

/// Four 8x8 matrices of 16-bit elements from shared memory. Lane l points at row l % 8 of matrix
/// l / 8 (16 bytes, 16-byte aligned); r[i] is this lane's pair of matrix i: row lane / 4, columns
/// 2 (lane % 4) and the next. Read as 32-bit elements it loads tf32 A fragments likewise.
__device__ __forceinline__ void ldmatrix_x4(std::uint32_t (&r)[4], const void* row) {
#ifdef CLIPK_SIMT
  simt::ldmatrix_x4(r, row);
#else
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
#endif
}

// ---- Dot products of bytes ----------------------------------------------------------------------

/// sum + the products of the four signed bytes of a with those of b.
__device__ __forceinline__ int dot4(int a, int b, int sum) {
#ifdef CLIPK_SIMT
  for (int byte = 0; byte < 4; ++byte) {
    sum += static_cast<signed char>(a >> 8 * byte) * static_cast<signed char>(b >> 8 * byte);
  }
  return sum;
#else
  return __dp4a(a, b, sum);
#endif
}

// ---- Asynchronous copies ------------------------------------------------------------------------

/// Starts copying 16 bytes from global to shared memory; of them `valid_bytes` are read and the
/// rest is zero. Both addresses are 16-byte aligned, also when valid_bytes is 0.
__device__ __forceinline__ void cp_async_16(void* shared, const void* global,
                                            int valid_bytes = 16) {
#ifdef CLIPK_SIMT
  simt::cp_async(shared, global, 16, valid_bytes);
#elif __CUDA_ARCH__ >= 800
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(global),
               "r"(valid_bytes)
               : "memory");
#else
  const char* from = static_cast<const char*>(global);
  for (int i = 0; i < 16; ++i) static_cast<char*>(shared)[i] = i < valid_bytes ? from[i] : 0;
#endif
}

__device__ __forceinline__ void cp_async_commit() {
#ifdef CLIPK_SIMT
  simt::cp_async_commit();
#elif __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

/// Waits until at most kPending committed groups of this thread are on their way. Other threads
/// see the data after the next barrier only.
template <int kPending>
__device__ __forceinline__ void cp_async_wait() {
#ifdef CLIPK_SIMT
  simt::cp_async_wait(kPending);
#elif __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

// ======== Same text for both builds from here on =================================================

inline constexpr unsigned kFullWarp = 0xffffffffu;

/// x = big + small, both tf32: three products of the parts (small*big, big*small, big*big) give
/// nearly float32 accuracy on tensor cores.
__device__ __forceinline__ void split_tf32(float x, std::uint32_t& big, std::uint32_t& small) {
  big = to_tf32(x);
  small = to_tf32(x - __uint_as_float(big));
}

/// Elements column..column+3 of a row of `columns` floats; what lies past its end reads as zero.
/// kAligned: row + column is 16-byte aligned and columns % 4 == 0.
template <bool kAligned>
__device__ __forceinline__ float4 load_row4(const float* __restrict__ row, int column,
                                            int columns) {
  if constexpr (kAligned) {
    return column < columns ? __ldg(reinterpret_cast<const float4*>(row + column))
                            : float4{0.f, 0.f, 0.f, 0.f};
  } else {
    return {column + 0 < columns ? __ldg(row + column + 0) : 0.f,
            column + 1 < columns ? __ldg(row + column + 1) : 0.f,
            column + 2 < columns ? __ldg(row + column + 2) : 0.f,
            column + 3 < columns ? __ldg(row + column + 3) : 0.f};
  }
}

/// Host: whether every row of a matrix of floats can be read by 16-byte accesses.
inline bool rows_allow_float4(const void* data, std::int64_t row_stride, std::int64_t columns) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && row_stride % 4 == 0 &&
         columns % 4 == 0;
}

/// Combines `value` over the warp, the same bits in every lane. All 32 lanes take part.
template <class T, class Combine>
__device__ __forceinline__ T warp_reduce(T value, Combine combine) {
#pragma unroll
  for (int step = 16; step > 0; step >>= 1) {
    value = combine(value, __shfl_xor_sync(kFullWarp, value, step));
  }
  return value;
}

template <class T>
__device__ __forceinline__ T warp_sum(T value) {
  return warp_reduce(value, [](T a, T b) { return a + b; });
}
template <class T>
__device__ __forceinline__ T warp_min(T value) {
  return warp_reduce(value, [](T a, T b) { return b < a ? b : a; });
}
template <class T>
__device__ __forceinline__ T warp_max(T value) {
  return warp_reduce(value, [](T a, T b) { return a < b ? b : a; });
}

/// Combines over the block, the same bits in every thread. One-dimensional blocks of whole warps;
/// every thread enters; `scratch` is a shared array of 32 values, free again on return.
template <class T, class Combine>
__device__ T block_reduce(T value, T identity, T* scratch, Combine combine) {
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  value = warp_reduce(value, combine);
  if (lane == 0) scratch[warp] = value;
  __syncthreads();
  value = warp_reduce(lane < warps ? scratch[lane] : identity, combine);
  __syncthreads();  // the caller may write scratch again
  return value;
}

template <class T>
__device__ T block_sum(T value, T* scratch) {
  return block_reduce(value, T(0), scratch, [](T a, T b) { return a + b; });
}

/// True in every thread of the one block of the grid that arrives last; what all blocks wrote
/// before is then visible to it. `ticket` is 0 before the launch, and is 0 again afterwards, so
/// that a captured graph can be replayed. Every thread of every block enters.
__device__ inline bool is_last_block(unsigned* ticket) {
  __syncthreads();  // the block's writes come before thread 0's fence
  bool last = false;
  if (threadIdx.x == 0 && threadIdx.y == 0 && threadIdx.z == 0) {
    __threadfence();
    last = atomicAdd(ticket, 1u) == gridDim.x * gridDim.y * gridDim.z - 1;
    if (last) {
      atomicExch(ticket, 0u);
      __threadfence();
    }
  }
  return __syncthreads_or(last) != 0;
}

/// Sum of `value` over the whole grid, the same bits whatever order the blocks run in: every block
/// stores a partial, the last one adds them by a fixed tree. Returns true, with `total` set, in
/// every thread of that last block. `scratch`: 32 doubles of shared memory; `partials`: one double
/// a block in global memory; `ticket`: see is_last_block. One-dimensional blocks of whole warps.
__device__ inline bool grid_sum(double value, double* scratch, double* partials, unsigned* ticket,
                                double& total) {
  const unsigned blocks = gridDim.x * gridDim.y * gridDim.z;
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  value = block_sum(value, scratch);
  if (threadIdx.x == 0) partials[block] = value;
  if (!is_last_block(ticket)) return false;
  double sum = 0;
  for (unsigned i = threadIdx.x; i < blocks; i += blockDim.x) sum += __ldcg(&partials[i]);
  total = block_sum(sum, scratch);
  return true;
}

/// One block of Philox4x32-10 (Salmon et al., SC 2011): the same bits as Random123 and cuRAND.
__host__ __device__ inline uint4 philox4x32_10(uint4 counter, uint2 key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * counter.x;
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * counter.z;
    counter = {static_cast<unsigned>(p1 >> 32) ^ counter.y ^ key.x, static_cast<unsigned>(p1),
               static_cast<unsigned>(p0 >> 32) ^ counter.w ^ key.y, static_cast<unsigned>(p0)};
    key = {key.x + 0x9E3779B9u, key.y + 0xBB67AE85u};
  }
  return counter;
}

}  // namespace clipk::gpu
