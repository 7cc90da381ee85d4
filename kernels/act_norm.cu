// Shift and scale of the columns of x [n, d]: y = (x + shift) e^log_scale, its inverse, its
// gradients, and the first values of shift and scale.
//
// Plan    a block owns 32 columns and walks down rows: 8 threads across, each with four columns
//         (16 bytes where the rows allow it) whose shift and scale stay in registers, and 32 rows
//         at a time. The log-determinant is one number: the blocks of the first columns add it to
//         every row. Backward: sums of grad_y and of grad_y y in float64, reduced over a block's
//         rows in shared memory; up to 512 rows are one block's and end in the same launch, more
//         are partial sums that a second launch adds in row order. Initial values: one block a
//         strip of columns, two passes in float64 (once a training run).
// Floor   forward and inverse 8 n d bytes, backward 12 n d: n d / 3.8e11 s and n d / 2.5e11 s on an
//         H100.
// Ladder  one variant so far. It moves each element once, which is the floor. Next: one kernel with
//         the permutation before it in a flow's block (permute.cu): both move 8 n d bytes, together
//         8 instead of 16.

#include "kernels/act_norm.hpp"

#include <algorithm>

#include "kernels/detail/row_lanes.cuh"

namespace clipk::gpu {
namespace {

constexpr int kAcross = 8;  // threads of a row, each with four columns
constexpr int kDown = 32;   // rows at a time
constexpr int kThreads = kAcross * kDown;
constexpr int kColumns = 4 * kAcross;
constexpr std::int64_t kForwardRows = 128;  // of a block, at least
constexpr std::int64_t kPartRows = 512;     // of a partial sum, at least
constexpr std::int64_t kMaxParts = 128;

template <bool kAligned>
__device__ __forceinline__ float4 load4(const float* row, int columns) {
  if constexpr (kAligned) return *reinterpret_cast<const float4*>(row);
  return {row[0], columns > 1 ? row[1] : 0.f, columns > 2 ? row[2] : 0.f,
          columns > 3 ? row[3] : 0.f};
}

template <bool kAligned>
__device__ __forceinline__ void store4(float4 v, int columns, float* row) {
  if constexpr (kAligned) {
    *reinterpret_cast<float4*>(row) = v;
  } else {
    row[0] = v.x;
    if (columns > 1) row[1] = v.y;
    if (columns > 2) row[2] = v.z;
    if (columns > 3) row[3] = v.w;
  }
}

// This thread's four columns, and the rows it takes: first, first + kDown, ... below last.
struct Place {
  int column;
  int columns;  // of the four, inside; 0 or less past the end
  std::int64_t first, last;
};
__device__ __forceinline__ Place place_of(std::int64_t rows, int cols, std::int64_t rows_of_block) {
  const int column =
      static_cast<int>(blockIdx.x) * kColumns + 4 * (static_cast<int>(threadIdx.x) % kAcross);
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.y) * rows_of_block;
  return {column, min(4, cols - column), first + threadIdx.x / kAcross,
          min(rows, first + rows_of_block)};
}

// Unaligned loads of four columns: vectors [d] have no padding.
__device__ __forceinline__ float4 factors_of(const float* log_scale, int columns, float sign) {
  const float4 s = load4<false>(log_scale, columns);
  return {expf(sign * s.x), expf(sign * s.y), expf(sign * s.z), expf(sign * s.w)};
}

template <bool kAligned>
__global__ void __launch_bounds__(kThreads)
    act_norm_kernel(std::int64_t rows_of_block, MatrixView<const float> x,
                    const float* __restrict__ shift, const float* __restrict__ log_scale,
                    MatrixView<float> y, float* log_det) {
  CLIPK_SHARED(double, sums, [32]);
  const int d = static_cast<int>(x.cols);
  if (log_det != nullptr && blockIdx.x == 0) {  // the same for all threads of the block
    double sum = 0;
    for (int j = static_cast<int>(threadIdx.x); j < d; j += kThreads) {
      sum += static_cast<double>(log_scale[j]);
    }
    const auto total = static_cast<float>(block_sum(sum, sums));
    const std::int64_t first = static_cast<std::int64_t>(blockIdx.y) * rows_of_block;
    const std::int64_t last = min(x.rows, first + rows_of_block);
    for (std::int64_t i = first + threadIdx.x; i < last; i += kThreads) log_det[i] += total;
  }
  const Place at = place_of(x.rows, d, rows_of_block);
  if (at.columns <= 0) return;
  const float4 moved = load4<false>(shift + at.column, at.columns);
  const float4 factor = factors_of(log_scale + at.column, at.columns, 1.f);
  for (std::int64_t i = at.first; i < at.last; i += kDown) {
    const float4 v = load4<kAligned>(x.data + i * x.stride + at.column, at.columns);
    store4<kAligned>({(v.x + moved.x) * factor.x, (v.y + moved.y) * factor.y,
                      (v.z + moved.z) * factor.z, (v.w + moved.w) * factor.w},
                     at.columns, y.data + i * y.stride + at.column);
  }
}

template <bool kAligned>
__global__ void __launch_bounds__(kThreads)
    inverse_kernel(std::int64_t rows_of_block, MatrixView<const float> y,
                   const float* __restrict__ shift, const float* __restrict__ log_scale,
                   MatrixView<float> x) {
  const Place at = place_of(y.rows, static_cast<int>(y.cols), rows_of_block);
  if (at.columns <= 0) return;
  const float4 moved = load4<false>(shift + at.column, at.columns);
  const float4 factor = factors_of(log_scale + at.column, at.columns, -1.f);
  for (std::int64_t i = at.first; i < at.last; i += kDown) {
    const float4 v = load4<kAligned>(y.data + i * y.stride + at.column, at.columns);
    store4<kAligned>({v.x * factor.x - moved.x, v.y * factor.y - moved.y, v.z * factor.z - moved.z,
                      v.w * factor.w - moved.w},
                     at.columns, x.data + i * x.stride + at.column);
  }
}

// Writes the gradients of one column from its sums over all rows.
__device__ __forceinline__ void finish(int column, double of_y, double of_product,
                                       const float* log_scale, float* grad_shift,
                                       float* grad_log_scale) {
  grad_shift[column] = static_cast<float>(of_y * static_cast<double>(expf(log_scale[column])));
  grad_log_scale[column] = static_cast<float>(of_product);
}

template <bool kAligned>
__global__ void __launch_bounds__(kThreads)
    backward_kernel(std::int64_t rows_of_part, MatrixView<const float> y,
                    const float* __restrict__ log_scale, MatrixView<const float> grad_y,
                    const float* __restrict__ grad_log_det, MatrixView<float> grad_x, double* parts,
                    float* grad_shift, float* grad_log_scale) {
  CLIPK_SHARED(double, sums, [kDown][2 * kColumns]);
  const int d = static_cast<int>(y.cols);
  const Place at = place_of(y.rows, d, rows_of_part);
  double of_y[4] = {}, of_product[4] = {};
  if (at.columns > 0) {
    const float4 factor = factors_of(log_scale + at.column, at.columns, 1.f);
    for (std::int64_t i = at.first; i < at.last; i += kDown) {
      const float4 g = load4<kAligned>(grad_y.data + i * grad_y.stride + at.column, at.columns);
      const float4 v = load4<kAligned>(y.data + i * y.stride + at.column, at.columns);
      const double of_log_det =
          grad_log_det != nullptr ? static_cast<double>(__ldg(grad_log_det + i)) : 0.0;
      const float gs[4] = {g.x, g.y, g.z, g.w}, vs[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
      for (int c = 0; c < 4; ++c) {
        of_y[c] += static_cast<double>(gs[c]);
        of_product[c] += static_cast<double>(gs[c]) * static_cast<double>(vs[c]) + of_log_det;
      }
      store4<kAligned>({g.x * factor.x, g.y * factor.y, g.z * factor.z, g.w * factor.w}, at.columns,
                       grad_x.data + i * grad_x.stride + at.column);
    }
  }
  const int thread = static_cast<int>(threadIdx.x);
  const int down = thread / kAcross, across = 4 * (thread % kAcross);
#pragma unroll
  for (int c = 0; c < 4; ++c) {
    sums[down][across + c] = of_y[c];
    sums[down][kColumns + across + c] = of_product[c];
  }
  __syncthreads();
  const int own = static_cast<int>(blockIdx.x) * kColumns + thread;
  if (thread >= kColumns || own >= d) return;
  double total_y = 0, total_product = 0;
  for (int i = 0; i < kDown; ++i) {
    total_y += sums[i][thread];
    total_product += sums[i][kColumns + thread];
  }
  if (gridDim.y == 1) {
    finish(own, total_y, total_product, log_scale, grad_shift, grad_log_scale);
  } else {
    double* const part = parts + static_cast<std::int64_t>(blockIdx.y) * 2 * d;
    part[own] = total_y;
    part[d + own] = total_product;
  }
}

__global__ void __launch_bounds__(kThreads)
    add_parts_kernel(int part_count, int d, const double* __restrict__ parts,
                     const float* __restrict__ log_scale, float* grad_shift,
                     float* grad_log_scale) {
  const int column = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  if (column >= d) return;
  double of_y = 0, of_product = 0;
  for (std::int64_t p = 0; p < part_count; ++p) {
    of_y += parts[2 * p * d + column];
    of_product += parts[(2 * p + 1) * d + column];
  }
  finish(column, of_y, of_product, log_scale, grad_shift, grad_log_scale);
}

// Sums `value` over the rows of the block; the result is valid in the threads of the first row.
__device__ __forceinline__ double column_total(double value, double (&sums)[kDown][kColumns]) {
  const int across = static_cast<int>(threadIdx.x) % kColumns;
  const int down = static_cast<int>(threadIdx.x) / kColumns;
  sums[down][across] = value;
  __syncthreads();
  double total = 0;
  for (int i = 0; i < kThreads / kColumns; ++i) total += sums[i][across];
  __syncthreads();
  return total;
}

// One thread across a column, kThreads / kColumns rows at a time.
__global__ void __launch_bounds__(kThreads)
    init_kernel(MatrixView<const float> x, float* shift, float* log_scale) {
  CLIPK_SHARED(double, sums, [kDown][kColumns]);
  constexpr int kRows = kThreads / kColumns;
  const int column =
      static_cast<int>(blockIdx.x) * kColumns + static_cast<int>(threadIdx.x) % kColumns;
  const std::int64_t first = threadIdx.x / kColumns;
  const bool inside = column < x.cols;
  const float* from = x.data + (inside ? column : 0);
  const std::int64_t last = inside ? x.rows : 0;
  const float start = from[0];
  double sum = 0, differing = 0, squares = 0;
  for (std::int64_t i = first; i < last; i += kRows) {
    const float v = from[i * x.stride];
    sum += static_cast<double>(v);
    differing += v == start ? 0.0 : 1.0;
  }
  const double mean = column_total(sum, sums) / static_cast<double>(x.rows);
  const bool constant = column_total(differing, sums) == 0.0;
  for (std::int64_t i = first; i < last; i += kRows) {
    const double off = static_cast<double>(from[i * x.stride]) - mean;
    squares += off * off;
  }
  squares = column_total(squares, sums);
  if (first != 0 || !inside) return;
  shift[column] = constant ? -start : static_cast<float>(-mean);
  log_scale[column] =
      constant ? 0.f
               : static_cast<float>(-log(sqrt(squares / static_cast<double>(x.rows - 1)) + 1e-6));
}

// Blocks [strips of columns, runs of `rows` rows].
Launch strips(std::int64_t n, std::int64_t d, std::int64_t rows, cudaStream_t stream) {
  return {dim3(ceil_div(d, kColumns), ceil_div(n, rows)), dim3(kThreads), 0, stream};
}

// The second extent of a grid ends at 65,535.
std::int64_t rows_of_block(std::int64_t n) {
  return std::max(kForwardRows, (n + 65534) / 65535);
}

std::int64_t rows_of_part(std::int64_t n) {
  return std::max(kPartRows, (n + kMaxParts - 1) / kMaxParts);
}

}  // namespace

void act_norm_init(MatrixView<const float> x, float* shift, float* log_scale, cudaStream_t stream) {
  CLIPK_LAUNCH(init_kernel, strips(1, x.cols, 1, stream), x, shift, log_scale);
}

void act_norm(MatrixView<const float> x, const float* shift, const float* log_scale,
              MatrixView<float> y, float* log_det, cudaStream_t stream) {
  const std::int64_t rows = rows_of_block(x.rows);
  const Launch launch = strips(x.rows, x.cols, rows, stream);
  if (all_allow_float4(x, y)) {
    CLIPK_LAUNCH(act_norm_kernel<true>, launch, rows, x, shift, log_scale, y, log_det);
  } else {
    CLIPK_LAUNCH(act_norm_kernel<false>, launch, rows, x, shift, log_scale, y, log_det);
  }
}

void act_norm_inverse(MatrixView<const float> y, const float* shift, const float* log_scale,
                      MatrixView<float> x, cudaStream_t stream) {
  const std::int64_t rows = rows_of_block(y.rows);
  const Launch launch = strips(y.rows, y.cols, rows, stream);
  if (all_allow_float4(x, y)) {
    CLIPK_LAUNCH(inverse_kernel<true>, launch, rows, y, shift, log_scale, x);
  } else {
    CLIPK_LAUNCH(inverse_kernel<false>, launch, rows, y, shift, log_scale, x);
  }
}

std::int64_t act_norm_parts(std::int64_t n) {
  return ceil_div(n, rows_of_part(n));
}

void act_norm_backward(MatrixView<const float> y, const float* log_scale,
                       MatrixView<const float> grad_y, const float* grad_log_det,
                       MatrixView<double> parts, MatrixView<float> grad_x, float* grad_shift,
                       float* grad_log_scale, cudaStream_t stream) {
  const std::int64_t rows = rows_of_part(y.rows);
  const Launch launch = strips(y.rows, y.cols, rows, stream);
  if (all_allow_float4(y, grad_y, grad_x)) {
    CLIPK_LAUNCH(backward_kernel<true>, launch, rows, y, log_scale, grad_y, grad_log_det, grad_x,
                 parts.data, grad_shift, grad_log_scale);
  } else {
    CLIPK_LAUNCH(backward_kernel<false>, launch, rows, y, log_scale, grad_y, grad_log_det, grad_x,
                 parts.data, grad_shift, grad_log_scale);
  }
  if (parts.rows > 1) {
    CLIPK_LAUNCH(add_parts_kernel,
                 (Launch{dim3(ceil_div(y.cols, kThreads)), dim3(kThreads), 0, stream}),
                 static_cast<int>(parts.rows), static_cast<int>(y.cols), parts.data, log_scale,
                 grad_shift, grad_log_scale);
  }
}

}  // namespace clipk::gpu
