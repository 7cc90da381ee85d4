// Targets P [n, k] from soft assignments Q [n, k]: DEC's, and one of equal cluster masses.
//
// Plan    eight threads a row. DEC's target is one pass. The balanced one is a launch a Sinkhorn
//         sweep: a block takes 32 rows at a time, leaves their factors in shared memory, and adds
//         them by column, a thread a column, in float64; the last block adds the blocks' partials
//         in order and updates the column factors, which stay on the device.
// Floor   8 n k bytes a pass, 4 n k a sweep: n k / 3.7e11 s and n k / 7.5e11 s on an H100; at
//         70,000 x 10 a sweep is a launch (3 us).
// Ladder  one variant so far. Next: all sweeps in one cooperative launch: a sweep of a small Q is a
//         launch, for 4 n k bytes that lie in L2.

#include "kernels/target_distribution.hpp"

#include <algorithm>

#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kLanes = 8;                 // of a row
constexpr int kRows = kThreads / kLanes;  // of a block at a time
constexpr std::int64_t kMaxBlocks = 264;

template <class T>
__device__ __forceinline__ T row_sum(T value) {
#pragma unroll
  for (int step = kLanes / 2; step > 0; step /= 2) {
    value += __shfl_xor_sync(kFullWarp, value, step);
  }
  return value;
}

__global__ void __launch_bounds__(kThreads)
    target_kernel(MatrixView<const float> q, const double* __restrict__ column_sums,
                  MatrixView<float> p) {
  const std::int64_t row =
      static_cast<std::int64_t>(blockIdx.x) * kRows + static_cast<int>(threadIdx.x) / kLanes;
  const int k = static_cast<int>(q.cols), lane = static_cast<int>(threadIdx.x) % kLanes;
  const bool valid = row < q.rows;
  const float* const from = q.data + row * q.stride;
  const auto squared = [&](int j) {
    const float share = from[j];  // not through the read-only cache: p may be q
    return share * (share * static_cast<float>(1 / fmax(__ldg(column_sums + j), 1e-30)));
  };
  float sum = 0.f;
  for (int j = lane; valid && j < k; j += kLanes) sum += squared(j);
  const float scale = 1.f / row_sum(sum);
  if (!valid) return;
  for (int j = lane; j < k; j += kLanes) p.data[row * p.stride + j] = squared(j) * scale;
}

struct BalanceArguments {
  MatrixView<const float> q;
  MatrixView<float> p;  // of the last sweep, or empty
  float power;
  double wanted;     // n / k
  double* factors;   // [k]: b
  double* partials;  // [blocks, k]
  unsigned* ticket;
  double* column_sums;  // of the last sweep, or null
};

__device__ __forceinline__ float power_of(float q, float power) {
  return power == 2.f ? q * q : q == 0.f ? 0.f : expf(power * logf(q));
}

__global__ void __launch_bounds__(kThreads) start_kernel(double* factors, int k) {
  for (int j = static_cast<int>(threadIdx.x); j < k; j += kThreads) factors[j] = 1;
}

// One sweep: rows scaled to sum to 1 under the column factors; then either the factors are updated
// by the column sums, or p and its column sums are written.
template <bool kLast>
__global__ void __launch_bounds__(kThreads) sweep_kernel(const BalanceArguments a) {
  CLIPK_SHARED(double, scales, [kRows]);
  const int k = static_cast<int>(a.q.cols), lane = static_cast<int>(threadIdx.x) % kLanes;
  const int own = static_cast<int>(threadIdx.x) / kLanes;
  const double even = 1.0 / k;
  double* const partial = a.partials + static_cast<std::int64_t>(blockIdx.x) * k;
  for (std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kRows; first < a.q.rows;
       first += static_cast<std::int64_t>(gridDim.x) * kRows) {
    const int rows = a.q.rows - first < kRows ? static_cast<int>(a.q.rows - first) : kRows;
    const float* const from = a.q.data + (first + (own < rows ? own : 0)) * a.q.stride;
    double sum = 0;
    for (int j = lane; j < k; j += kLanes) {
      sum += __ldcg(a.factors + j) * static_cast<double>(power_of(from[j], a.power));
    }
    sum = row_sum(sum);
    if (lane == 0) scales[own] = sum == 0 ? 0 : 1 / sum;
    __syncthreads();
    for (int j = static_cast<int>(threadIdx.x); j < k; j += kThreads) {
      const double b = __ldcg(a.factors + j);
      double total = 0;
      for (int r = 0; r < rows; ++r) {
        const double w =
            static_cast<double>(power_of(a.q.data[(first + r) * a.q.stride + j], a.power));
        const double share = scales[r] == 0 ? (kLast ? even : 0) : scales[r] * b * w;
        total += share;
        if (kLast) a.p.data[(first + r) * a.p.stride + j] = static_cast<float>(share);
      }
      const bool start = first == static_cast<std::int64_t>(blockIdx.x) * kRows;
      partial[j] = start ? total : partial[j] + total;
    }
    __syncthreads();  // the scales have been read
  }
  if (!is_last_block(a.ticket)) return;
  for (int j = static_cast<int>(threadIdx.x); j < k; j += kThreads) {
    double total = 0;
    for (unsigned b = 0; b < gridDim.x; ++b) {
      total += __ldcg(a.partials + static_cast<std::int64_t>(b) * k + j);
    }
    if (kLast) {
      if (a.column_sums != nullptr) a.column_sums[j] = total;
    } else if (total > 0) {
      a.factors[j] *= a.wanted / total;
    }
  }
}

}  // namespace

void target_distribution(MatrixView<const float> q, const double* column_sums, MatrixView<float> p,
                         cudaStream_t stream) {
  CLIPK_LAUNCH(target_kernel, (Launch{dim3(ceil_div(q.rows, kRows)), dim3(kThreads), 0, stream}), q,
               column_sums, p);
}

void balanced_target(Scratch& scratch, MatrixView<const float> q,
                     const BalancedTargetOptions& options, MatrixView<float> p, double* column_sums,
                     cudaStream_t stream) {
  const std::int64_t k = q.cols;
  const std::int64_t blocks = std::min<std::int64_t>(ceil_div(q.rows, kRows), kMaxBlocks);
  BalanceArguments a{};
  a.q = q;
  a.p = p;
  a.power = options.power;
  a.wanted = static_cast<double>(q.rows) / static_cast<double>(k);
  a.factors = scratch.vector<double>(k).data;
  a.partials = scratch.vector<double>(blocks * k).data;
  a.ticket = scratch.vector<unsigned>(1).data;
  a.column_sums = column_sums;
  check_cuda(cudaMemsetAsync(a.ticket, 0, sizeof(unsigned), stream), "balanced_target: memset");
  CLIPK_LAUNCH(start_kernel, (Launch{dim3(1), dim3(kThreads), 0, stream}), a.factors,
               static_cast<int>(k));
  const Launch launch{dim3(static_cast<unsigned>(blocks)), dim3(kThreads), 0, stream};
  for (int i = 0; i < options.iterations; ++i) CLIPK_LAUNCH(sweep_kernel<false>, launch, a);
  CLIPK_LAUNCH(sweep_kernel<true>, launch, a);
}

}  // namespace clipk::gpu
