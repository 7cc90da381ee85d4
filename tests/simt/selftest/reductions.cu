// Sums of rows by warps and blocks, and sums and counts over a whole grid.
#include <algorithm>

#include "kernels/detail/portable.cuh"
#include "simt/selftest/bugs.hpp"
#include "simt/selftest/device_array.hpp"

namespace clipk::simt::selftest {
namespace {

using gpu::Launch;

constexpr int kWarps = 4;

/// Reverses every row of x [n, d] and sums it, one warp a row, the row in dynamic shared memory.
__global__ void __launch_bounds__(kWarps * 32)
    warp_rows_kernel(Bug bug, const float* x, int n, int d, float* reversed, float* sums) {
  CLIPK_DYN_SHARED(float, rows);
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int index = static_cast<int>(blockIdx.x) * kWarps + warp;
  if (index >= n) return;  // a whole warp, and no barrier follows
  float* row = rows + warp * d;
  if (bug == Bug::vector_load_past_row) {
    for (int c = 4 * lane; c < d; c += 128) {  // d is no multiple of 4
      float4 v;
      memcpy(&v, x + index * d + c, sizeof v);
      const float values[4] = {v.x, v.y, v.z, v.w};
      for (int i = 0; i < 4 && c + i < d; ++i) row[c + i] = values[i];
    }
  } else {
    for (int c = lane; c < d; c += 32) row[c] = x[index * d + c];
  }
  if (bug != Bug::no_syncwarp) __syncwarp();
  float sum = 0;
  for (int c = lane; c < d; c += 32) {
    reversed[index * d + c] = row[d - 1 - c];
    sum += row[c];
  }
  sum = gpu::warp_sum(sum);
  if (lane == 0) sums[index] = sum;
}

constexpr int kThreads = 128;

/// Sum of every row of x [n, d], one block for several rows.
__global__ void __launch_bounds__(kThreads)
    block_rows_kernel(Bug bug, const float* x, int n, int d, float* sums) {
  CLIPK_SHARED(float, scratch, [32]);
  CLIPK_SHARED(float, after, [32]);
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  if (bug == Bug::exit_before_barrier && thread >= d) return;
  for (int row = static_cast<int>(blockIdx.x); row < n; row += static_cast<int>(gridDim.x)) {
    float sum = 0;
    for (int c = thread; c < d; c += kThreads) sum += x[row * d + c];
    sum = gpu::warp_sum(sum);
    if (lane == 0) scratch[warp] = sum;
    if (bug == Bug::shared_array_overrun && lane == 0) (&scratch[0])[32 + warp] = sum;
    if (bug == Bug::barrier_in_branch) {
      if (thread < 64) __syncthreads();
    } else {
      __syncthreads();
    }
    if (warp == 0) {
      const bool written = lane < kThreads / 32;
      sum = written || bug == Bug::scratch_never_written ? scratch[lane] : 0;
      sum = gpu::warp_sum(sum);
      if (lane == 0) sums[row] = sum;
    }
    if (bug != Bug::scratch_reused_too_early) __syncthreads();
    if (thread == 0) after[0] = sum;  // a variable behind the first one
  }
}

bool run_rows(Bug bug) {
  const int n = 11, d = 77;
  const auto x = whole_numbers(static_cast<std::size_t>(n) * d, 5);
  const DeviceArray<float> dx(x), reversed(static_cast<std::size_t>(n) * d), warp_sums(n),
      block_sums(n);
  const std::size_t bytes = bug == Bug::dynamic_shared_not_given ? 0 : sizeof(float) * kWarps * d;
  CLIPK_LAUNCH(warp_rows_kernel, (Launch{dim3(gpu::ceil_div(n, kWarps)), dim3(kWarps * 32), bytes}),
               bug, dx.data(), n, d, reversed.data(), warp_sums.data());
  CLIPK_LAUNCH(block_rows_kernel, (Launch{dim3(3), dim3(kThreads)}), bug, dx.data(), n, d,
               block_sums.data());
  const auto got = reversed.values(), by_warp = warp_sums.values(), by_block = block_sums.values();
  for (int i = 0; i < n; ++i) {
    float want = 0;
    for (int c = 0; c < d; ++c) {
      want += x[i * d + c];
      if (!(got[i * d + c] == x[i * d + d - 1 - c])) return false;
    }
    if (!(by_warp[i] == want) || !(by_block[i] == want)) return false;
  }
  return true;
}

/// Adds the numbers below n that are in `keys` to a sum and counts each key. `flag` is set by all.
__global__ void __launch_bounds__(kThreads)
    count_kernel(Bug bug, const int* keys, int n, int* counts, unsigned long long* sum, int* flag) {
  const int i = static_cast<int>(blockIdx.x * kThreads + threadIdx.x);
  if (i >= n) return;
  const int key = keys[i];
  if (bug == Bug::count_without_atomic) {
    counts[key] += 1;
  } else {
    atomicAdd(&counts[key], 1);
  }
  if (bug == Bug::sum_without_atomic) {
    *sum += static_cast<unsigned long long>(key);
  } else {
    atomicAdd(sum, static_cast<unsigned long long>(key));
  }
  if (bug == Bug::same_value_without_order || i == 0) *flag = 1;
}

/// The sum of one number a thread: partials a block, added by the block that arrives last.
__global__ void __launch_bounds__(kThreads)
    last_block_kernel(Bug bug, const float* x, double* partials, unsigned* ticket, double* total) {
  CLIPK_SHARED(double, scratch, [32]);
  CLIPK_SHARED(bool, is_last);
  const double sum =
      gpu::block_sum(static_cast<double>(x[blockIdx.x * kThreads + threadIdx.x]), scratch);
  // Another thread than the one that takes the ticket, so that the barrier between matters.
  if (threadIdx.x == 40) partials[blockIdx.x] = sum;
  if (bug != Bug::no_barrier_before_ticket) __syncthreads();
  if (threadIdx.x == 0) {
    if (bug != Bug::no_release_fence) __threadfence();
    is_last = atomicAdd(ticket, 1u) == gridDim.x - 1;
    if (bug != Bug::no_acquire_fence) __threadfence();
  }
  __syncthreads();
  if (!is_last) return;
  double all = 0;
  for (unsigned b = threadIdx.x; b < gridDim.x; b += kThreads) all += partials[b];
  all = gpu::block_sum(all, scratch);
  if (threadIdx.x == 0) *total = all;
}

__global__ void __launch_bounds__(kThreads)
    grid_sum_kernel(const float* x, double* partials, unsigned* ticket, double* total) {
  CLIPK_SHARED(double, scratch, [32]);
  double sum = 0;
  const double mine = x[blockIdx.x * kThreads + threadIdx.x];
  if (gpu::grid_sum(mine, scratch, partials, ticket, sum) && threadIdx.x == 0) *total = sum;
}

bool run_grid_sums(Bug bug) {
  const int blocks = 9, n = blocks * kThreads;
  const auto x = whole_numbers(static_cast<std::size_t>(n), 6);
  std::vector<int> keys(n);
  for (int i = 0; i < n; ++i) keys[i] = static_cast<int>(x[i]) + 7;
  const DeviceArray<float> dx(x);
  const DeviceArray<int> dkeys(keys), counts(std::vector<int>(16)), flag(std::vector<int>(1));
  const DeviceArray<unsigned long long> sum(std::vector<unsigned long long>(1));
  const DeviceArray<double> partials(blocks), total(1), library_total(1);
  const DeviceArray<unsigned> tickets(std::vector<unsigned>(2));
  const Launch launch{dim3(blocks), dim3(kThreads)};
  CLIPK_LAUNCH(count_kernel, launch, bug, dkeys.data(), n, counts.data(), sum.data(), flag.data());
  CLIPK_LAUNCH(last_block_kernel, launch, bug, dx.data(), partials.data(), tickets.data(),
               total.data());
  for (int i = 0; i < 2; ++i) {  // the ticket is ready for a second launch
    CLIPK_LAUNCH(grid_sum_kernel, launch, dx.data(), partials.data(), tickets.data() + 1,
                 library_total.data());
  }
  std::vector<int> want_counts(16);
  unsigned long long want_sum = 0;
  double want_total = 0;
  for (int i = 0; i < n; ++i) {
    ++want_counts[keys[i]];
    want_sum += static_cast<unsigned long long>(keys[i]);
    want_total += x[i];
  }
  return counts.values() == want_counts && sum.values()[0] == want_sum && flag.values()[0] == 1 &&
         total.values()[0] == want_total && library_total.values()[0] == want_total;
}

}  // namespace

bool run_reductions(Bug bug) {
  const bool rows = run_rows(bug);
  return run_grid_sums(bug) && rows;
}

}  // namespace clipk::simt::selftest
