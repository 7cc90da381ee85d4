// Gradient of pairwise_distance: grad_x [b, n, d] and grad_y [b, m, d] from grad_out [b, n, m].
//
//   grad x_i = (sum_j s_ij) x_i - sum_j c_ij y_j,  and likewise for y, with
//   squared Euclidean   c = s = 2 g
//   Euclidean           c = s = g / e, and 0 at e = 0
//   cosine              c = g / (|x| |y|), s = g cos / |x|^2
//
// Plan    The forward kernel writes the distances into scratch, and which rows were near. A second
//         pass turns them into c in place (0 for near rows, which cancel here as well) and adds up
//         s by row and column, a float64 partial a block. Two products by cuBLASLt. Last, a warp a
//         row adds the partials in order, and the near rows one by one from their differences.
// Floor   6 b n m d operations and 20 b n m bytes: at 5000 x 5000 x 512 on an H100 1.1 ms in fp32,
//         .17 ms of it the bytes.
// Ladder  one variant so far. Next: both tile products on chip, as in stress_loss.cu: 12 b n m
//         bytes fewer, 2 b n m d operations more, as each side computes the distances. At the shape
//         above .1 ms less for .38 ms of fp32 more, .06 ms of tf32 or .03 ms of bf16: a gain on
//         tensor cores alone.

#include "kernels/pairwise_distance_backward.hpp"

#include <algorithm>

#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kBlockRows = 64;
constexpr int kBlockCols = 128;  // four a lane
constexpr std::int64_t kMaxGridZ = 65535;
constexpr std::int64_t kMaxFinishBlocks = 1 << 20;

struct Coefficients {
  Metric metric;
  std::int64_t batch, n, m, row_blocks, col_blocks;
  const float* scales_x;
  const float* scales_y;
  GradientOperand<const float> grad_out;
  BackwardScratch scratch;
};

struct Coefficient {
  float c, s;
};

__device__ __forceinline__ Coefficient coefficient(Metric metric, float g, float distance,
                                                   float scale_x, float scale_y) {
  if (metric == Metric::squared_euclidean) return {2 * g, 2 * g};
  if (metric == Metric::euclidean) {
    const float c = distance == 0 ? 0.f : g / distance;
    return {c, c};
  }
  return {g * (scale_x * scale_y), g * (1.f - distance)};
}

__global__ void __launch_bounds__(kThreads) coefficients_kernel(Coefficients a) {
  CLIPK_SHARED(double, partials, [kWarps][kBlockCols]);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const std::int64_t row_block = blockIdx.x / a.col_blocks, col_block = blockIdx.x % a.col_blocks;
  const std::int64_t words = (a.m + 31) / 32;
  for (std::int64_t b = blockIdx.z; b < a.batch; b += gridDim.z) {
    double col_sums[kBlockCols / 32] = {};
    for (int r = warp; r < kBlockRows; r += kWarps) {
      const std::int64_t i = row_block * kBlockRows + r;
      if (i >= a.n) break;
      const std::int64_t row = b * a.n + i;
      const float* g = a.grad_out.data + b * a.grad_out.batch_stride + i * a.grad_out.stride;
      double row_sum = 0;
#pragma unroll
      for (int q = 0; q < kBlockCols / 32; ++q) {
        const std::int64_t j = col_block * kBlockCols + 32 * q + lane;
        if (j >= a.m) continue;
        float* c = a.scratch.coefficients + row * a.m + j;
        const bool is_near = a.scratch.near_bits[row * words + j / 32] >> j % 32 & 1;
        Coefficient value{0, 0};
        if (!is_near) {
          value = coefficient(a.metric, __ldg(g + j), *c, __ldg(a.scales_x + row),
                              __ldg(a.scales_y + b * a.m + j));
        }
        *c = value.c;
        row_sum += value.s;
        col_sums[q] += value.s;
      }
      row_sum = warp_sum(row_sum);
      if (lane == 0) a.scratch.row_sums[row * a.col_blocks + col_block] = row_sum;
    }
#pragma unroll
    for (int q = 0; q < kBlockCols / 32; ++q) partials[warp][32 * q + lane] = col_sums[q];
    __syncthreads();
    const std::int64_t j = col_block * kBlockCols + threadIdx.x;
    if (threadIdx.x < kBlockCols && j < a.m) {
      double sum = 0;
      for (int w = 0; w < kWarps; ++w) sum += partials[w][threadIdx.x];
      a.scratch.col_sums[(b * a.row_blocks + row_block) * a.m + j] = sum;
    }
    __syncthreads();
  }
}

// One side of the last step: its own rows, those of the other side, and where their gradients are.
struct Side {
  Metric metric;
  std::int64_t batch;
  int d;
  DistanceOperand own, other;
  GradientOperand<const float> grad_out;
  GradientOperand<float> gradient;
  const double* sums;  // partial p of row i of matrix b: sums[b sum_batch + i sum_row + p sum_part]
  std::int64_t sum_batch, sum_row, sum_part, sum_parts;
  const std::uint32_t* near_bits;
  bool transposed;  // (own, other) is in row `other` of grad_out and near_bits
};

// Of 32 rows of the other side, from `first` on, those near to row i.
__device__ __forceinline__ unsigned near_mask(const Side& a, std::int64_t b, std::int64_t i,
                                              std::int64_t first) {
  if (!a.transposed) {
    const std::int64_t words = (a.other.rows + 31) / 32;
    return a.near_bits[(b * a.own.rows + i) * words + first / 32];
  }
  const std::int64_t words = (a.own.rows + 31) / 32;
  const std::int64_t j = first + threadIdx.x % 32;
  const bool is_near =
      j < a.other.rows && (a.near_bits[(b * a.other.rows + j) * words + i / 32] >> i % 32 & 1) != 0;
  return __ballot_sync(kFullWarp, is_near);
}

// gradient += g times the derivative of the distance of x and y with respect to x; by a warp.
__device__ void add_near(const Side& a, const float* x, float scale_x, const float* y,
                         float scale_y, float g, float* gradient) {
  const int lane = threadIdx.x % 32;
  if (a.metric != Metric::cosine) scale_x = scale_y = 1.f;
  // Not contracted: the difference of equal rows is exactly zero.
  const auto difference = [&](int k) {
    return __fsub_rn(__fmul_rn(__ldg(x + k), scale_x), __fmul_rn(__ldg(y + k), scale_y));
  };
  float c = 2 * g, along = 0;
  if (a.metric != Metric::squared_euclidean) {
    float squared = 0;
    for (int k = lane; k < a.d; k += 32) squared += difference(k) * difference(k);
    squared = warp_sum(squared);
    if (squared == 0) return;
    c = a.metric == Metric::euclidean ? g / sqrtf(squared) : g * scale_x;
    if (a.metric == Metric::cosine) along = -0.5f * c * squared * scale_x;
  }
  for (int k = lane; k < a.d; k += 32) {
    gradient[k] += c * difference(k) + along * __ldg(x + k);
  }
}

__global__ void __launch_bounds__(kThreads) finish_kernel(Side a) {
  const int lane = threadIdx.x % 32;
  for (std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
       row < a.batch * a.own.rows; row += static_cast<std::int64_t>(gridDim.x) * kWarps) {
    const std::int64_t b = row / a.own.rows, i = row % a.own.rows;
    const float* x = a.own.data + b * a.own.batch_stride + i * a.own.stride;
    const float scale_x = __ldg(a.own.scales + row);
    float* gradient = a.gradient.data + b * a.gradient.batch_stride + i * a.gradient.stride;
    double sum = 0;
    for (std::int64_t p = lane; p < a.sum_parts; p += 32) {
      sum += a.sums[b * a.sum_batch + i * a.sum_row + p * a.sum_part];
    }
    sum = warp_sum(sum);
    if (a.metric == Metric::cosine) sum *= static_cast<double>(scale_x) * scale_x;
    const float s = static_cast<float>(sum);
    for (int k = lane; k < a.d; k += 32) gradient[k] += s * __ldg(x + k);
    for (std::int64_t first = 0; first < a.other.rows; first += 32) {
      for (unsigned pairs = near_mask(a, b, i, first); pairs != 0; pairs &= pairs - 1) {
        const std::int64_t j = first + __ffs(static_cast<int>(pairs)) - 1;
        const float* g = a.grad_out.data + b * a.grad_out.batch_stride +
                         (a.transposed ? j * a.grad_out.stride + i : i * a.grad_out.stride + j);
        add_near(a, x, scale_x, a.other.data + b * a.other.batch_stride + j * a.other.stride,
                 __ldg(a.other.scales + b * a.other.rows + j), __ldg(g), gradient);
      }
    }
  }
}

void finish(const Side& side, cudaStream_t stream) {
  const std::int64_t blocks =
      std::min<std::int64_t>(ceil_div(side.batch * side.own.rows, kWarps), kMaxFinishBlocks);
  CLIPK_LAUNCH(finish_kernel,
               (Launch{dim3(static_cast<unsigned>(blocks)), dim3(kThreads), 0, stream}), side);
}

}  // namespace

BackwardPlan::BackwardPlan(std::int64_t batch_, std::int64_t n, std::int64_t m)
    : batch(batch_),
      row_blocks((n + kBlockRows - 1) / kBlockRows),
      col_blocks((m + kBlockCols - 1) / kBlockCols),
      coefficients(batch * n * m),
      near_words(batch * n * ((m + 31) / 32)),
      row_sums(batch * n * col_blocks),
      col_sums(batch * row_blocks * m) {}

void pairwise_distance_backward(GemmHandle& handle, Metric metric, Precision precision,
                                const BackwardPlan& plan, std::int64_t d, const DistanceOperand& x,
                                const DistanceOperand& y,
                                const GradientOperand<const float>& grad_out,
                                const BackwardScratch& scratch,
                                const GradientOperand<float>& grad_x,
                                const GradientOperand<float>& grad_y, cudaStream_t stream) {
  const std::int64_t n = x.rows, m = y.rows;
  float* c = scratch.coefficients;
  pairwise_distance(metric, precision, plan.batch, d, x, y, {c, m, n * m, scratch.near_bits},
                    stream);
  CLIPK_LAUNCH(coefficients_kernel,
               (Launch{dim3(static_cast<unsigned>(plan.row_blocks * plan.col_blocks), 1,
                            static_cast<unsigned>(std::min(plan.batch, kMaxGridZ))),
                       dim3(kThreads), 0, stream}),
               (Coefficients{metric, plan.batch, n, m, plan.row_blocks, plan.col_blocks, x.scales,
                             y.scales, grad_out, scratch}));
  if (grad_x.data != nullptr) {
    gemm_batched(handle, Transpose::no, Transpose::no, n, d, m, -1, c, m, n * m, y.data, y.stride,
                 y.batch_stride, 0, grad_x.data, grad_x.stride, grad_x.batch_stride, plan.batch,
                 precision, Epilogue::none, nullptr, 0, stream);
    finish({metric, plan.batch, static_cast<int>(d), x, y, grad_out, grad_x, scratch.row_sums,
            n * plan.col_blocks, plan.col_blocks, 1, plan.col_blocks, scratch.near_bits, false},
           stream);
  }
  if (grad_y.data != nullptr) {
    gemm_batched(handle, Transpose::yes, Transpose::no, m, d, n, -1, c, m, n * m, x.data, x.stride,
                 x.batch_stride, 0, grad_y.data, grad_y.stride, grad_y.batch_stride, plan.batch,
                 precision, Epilogue::none, nullptr, 0, stream);
    finish({metric, plan.batch, static_cast<int>(d), y, x, grad_out, grad_y, scratch.col_sums,
            plan.row_blocks * m, 1, m, plan.row_blocks, scratch.near_bits, true},
           stream);
  }
}

}  // namespace clipk::gpu
