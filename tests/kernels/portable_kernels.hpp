#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace clipk::test {

// Each runs one part of kernels/detail/portable.cuh on small arrays in device memory.

void run_philox(const uint4* counters, const uint2* keys, int n, uint4* out, cudaStream_t stream);
/// bits [n, 4]: to_tf32, the two parts of split_tf32, and pack_bf16 of (x, -x).
void run_conversions(const float* x, int n, std::uint32_t* bits, cudaStream_t stream);
/// C [16, 8] = A [16, k] B [k, 8]; k a multiple of 8 for tf32 and of 16 for bf16.
void run_mma_tf32(const float* a, const float* b, int k, float* c, cudaStream_t stream);
void run_mma_bf16(const float* a, const float* b, int k, float* c, cudaStream_t stream);
/// A [32, 8] of 16-bit elements, as pairs: what each lane receives, [32, 4].
void run_ldmatrix(const std::uint32_t* a, std::uint32_t* out, cudaStream_t stream);
/// Copies x [n] through shared memory by cp.async, in pieces of 4 floats, zeros after the end.
void run_cp_async(const float* x, int n, float* out, cudaStream_t stream);
/// Sum, minimum and maximum of x [threads] in every thread: out [3, threads].
void run_block_reductions(const float* x, int threads, float* out, cudaStream_t stream);
/// Sum of x [n] over several blocks. `ticket` is 0 before and after.
void run_grid_sum(const float* x, int n, double* partials, unsigned* ticket, double* total,
                  int blocks, cudaStream_t stream);
/// Reverses x [n] in dynamic shared memory; asks for the attribute if told to.
void run_large_shared(const float* x, int n, bool allow, float* out, cudaStream_t stream);
/// Rows of x [rows, columns] by load_row4: out [rows, padded columns].
void run_load_row4(const float* x, int rows, int columns, float* out, cudaStream_t stream);

}  // namespace clipk::test
