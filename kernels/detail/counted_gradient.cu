// The gradient of factor * sum of c_ij e_ij from integer counts c [n, m] and the distances e of
// codes x [n, q] and y [m, q]; and those distances.
//
// Plan    E by the kernel of pairwise_distance, from rows moved to their middle where that is far.
//         One pass turns C and E into W = C / E in place, with row sums; one adds column sums; two
//         products, and grad = (W 1) x - W Y likewise for columns. Near twins, whose two terms
//         would cancel, stay out of W and are added one by one.
// Floor   bytes: about 7 x 4 nm of E, C and W: at n = m = 5000 .23 ms on an H100; products 6 nmq
//         flop: .14 ms at q = 64 in fp32.
// Ladder  1  a product by cuBLASLt and a pass of its own for E        6 x 4 nm bytes
//         2  the kernel of pairwise_distance, one rule for near rows  7 x 4 nm bytes  <- this one
//         Neither was timed. Next: counts in 16 bits where they fit.

#include "kernels/detail/counted_gradient.hpp"

#include "kernels/detail/portable.cuh"
#include "kernels/pairwise_distance.hpp"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr std::int64_t kChunkRows = 256;  // rows of one partial of a column's sum
constexpr float kTwin = 1.f / 1024;       // of |x|^2 + |y|^2: nearer rows are twins

// e becomes W = factor c / e, and c the bits of W where the two are twins (W is then 0 in e), else
// 0. Sums of the rows; flags of rows and columns with twins. One block a row.
__global__ void __launch_bounds__(kThreads)
    weight_kernel(PackedRows x, PackedRows y, float factor, float* __restrict__ e,
                  int* __restrict__ c, double* __restrict__ row_sums, int* row_flags,
                  int* col_flags) {
  CLIPK_SHARED(double, sums, [32]);
  const std::int64_t i = blockIdx.x;
  const float norm = x.norms[i];
  double sum = 0;
  bool any = false;
  for (std::int64_t j = threadIdx.x; j < y.rows; j += kThreads) {
    const std::int64_t pair = i * y.rows + j;
    const int count = c[pair];
    const float distance = e[pair];
    float weight = 0.f;
    int twin_bits = 0;
    if (count != 0 && distance != 0.f) {
      weight = factor * static_cast<float>(count) / distance;
      if (distance * distance < kTwin * (norm + y.norms[j])) {
        twin_bits = __float_as_int(weight);
        weight = 0.f;
        any = true;
        atomicOr(col_flags + j, 1);
      }
    }
    e[pair] = weight;
    c[pair] = twin_bits;
    sum += static_cast<double>(weight);
  }
  sum = block_sum(sum, sums);
  any = __syncthreads_or(any) != 0;
  if (threadIdx.x == 0) {
    row_sums[i] = sum;
    row_flags[i] = any;
  }
}

// Sums of the columns of W by chunks of rows: one thread a column, blockIdx.y a chunk.
__global__ void __launch_bounds__(kThreads)
    column_sum_kernel(std::int64_t n, std::int64_t m, std::int64_t column_blocks,
                      const float* __restrict__ w, double* __restrict__ partials) {
  const std::int64_t chunk = blockIdx.x / column_blocks;
  const std::int64_t j = blockIdx.x % column_blocks * kThreads + threadIdx.x;
  if (j >= m) return;
  const std::int64_t last = n < (chunk + 1) * kChunkRows ? n : (chunk + 1) * kChunkRows;
  double sum = 0;
  for (std::int64_t i = chunk * kChunkRows; i < last; ++i) {
    sum += static_cast<double>(w[i * m + j]);
  }
  partials[chunk * m + j] = sum;
}

// grad_i += (sum of W_i) x_i - part_i + the twins of i. One warp a row. The sum comes in `chunks`
// parts, x.rows apart; the twins of row i lie twin_row * i + twin_step * j.
__global__ void __launch_bounds__(kThreads)
    gradient_kernel(PackedRows x, PackedRows y, const double* __restrict__ sums,
                    std::int64_t chunks, const float* __restrict__ part,
                    const int* __restrict__ flags, const int* __restrict__ twins,
                    std::int64_t twin_row, std::int64_t twin_step, MatrixView<float> grad) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
  if (i >= x.rows) return;
  const unsigned lane = threadIdx.x % 32;
  double total = 0;
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) total += sums[chunk * x.rows + i];
  const float sum = static_cast<float>(total);
  const bool has_twins = flags[i] != 0;
  for (std::int64_t k = lane; k < x.cols; k += 32) {
    const float own = x.data[i * x.stride + k];
    float g = fmaf(sum, own, -part[i * x.cols + k]);
    for (std::int64_t j = 0; has_twins && j < y.rows; ++j) {
      const int bits = twins[twin_row * i + twin_step * j];
      if (bits != 0) g = fmaf(__int_as_float(bits), own - y.data[j * y.stride + k], g);
    }
    grad.data[i * grad.stride + k] += g;
  }
}

Launch over(std::int64_t blocks, int threads, cudaStream_t stream) {
  return {dim3(static_cast<unsigned>(blocks)), dim3(static_cast<unsigned>(threads)), 0, stream};
}

PackedRows pack(MatrixView<const float> x, const float* centre, Scratch& scratch,
                cudaStream_t stream) {
  const std::int64_t padded = padded_rows(x.rows);
  const auto cols = static_cast<int>(x.cols);
  const int stride = (cols + 3) / 4 * 4;  // 16-byte loads
  const PackedRows packed{scratch.vector<float>(padded * stride).data,
                          scratch.vector<float>(padded).data, x.rows, cols, stride};
  pack_rows(x, centre, Metric::euclidean, packed, stream);
  return packed;
}

float* distances(Metric metric, Precision precision, std::int64_t dim, const DistanceOperand& x,
                 const DistanceOperand& y, Scratch& scratch, cudaStream_t stream) {
  float* const out = scratch.vector<float>(x.rows * y.rows).data;
  pairwise_distance(metric, precision, 1, dim, x, y, {out, y.rows, 0, nullptr}, stream);
  return out;
}

}  // namespace

CountedCodes counted_codes(MatrixView<const float> x, MatrixView<const float> y, bool self,
                           Precision precision, Scratch& scratch, cudaStream_t stream) {
  float* const centre = scratch.vector<float>(x.cols).data;
  find_centre(x, y, centre, stream);
  CountedCodes codes{};
  codes.x = pack(x, centre, scratch, stream);
  codes.y = self ? codes.x : pack(y, centre, scratch, stream);
  codes.e = distances(Metric::euclidean, precision, x.cols,
                      {codes.x.data, x.rows, codes.x.stride, 0, codes.x.norms},
                      {codes.y.data, y.rows, codes.y.stride, 0, codes.y.norms}, scratch, stream);
  return codes;
}

MatrixView<const float> target_distances(const TargetDistances& target, bool self, Scratch& scratch,
                                         cudaStream_t stream) {
  const Metric metric =
      target.metric == Metric::cosine ? Metric::cosine : Metric::squared_euclidean;
  const auto operand = [&](MatrixView<const float> rows) {
    float* const scales = scratch.vector<float>(rows.rows).data;
    const DistanceOperand x{rows.data, rows.rows, rows.stride, 0, scales};
    row_scales(metric, 1, rows.cols, x, scales, stream);
    return x;
  };
  const DistanceOperand x = operand(target.rows_x);
  const DistanceOperand y = self ? x : operand(target.rows_y);
  return {distances(metric, Precision::fp32, target.rows_x.cols, x, y, scratch, stream), x.rows,
          y.rows, Device::cuda};
}

void counted_gradient(const CountedCodes& codes, bool self, int* c, double factor,
                      MatrixView<float> grad_x, MatrixView<float> grad_y, Precision precision,
                      GemmHandle& handle, Scratch& scratch, cudaStream_t stream) {
  const PackedRows &x = codes.x, &y = codes.y;
  float* const e = codes.e;
  const std::int64_t n = x.rows, m = y.rows, dim = x.cols;
  double* const row_sums = scratch.vector<double>(n).data;
  int* const row_flags = scratch.vector<int>(n).data;
  int* const col_flags = scratch.vector<int>(m).data;
  check_cuda(cudaMemsetAsync(col_flags, 0, static_cast<std::size_t>(m) * sizeof(int), stream),
             "gradient of counts: memset");
  CLIPK_LAUNCH(weight_kernel, over(n, kThreads, stream), x, y, static_cast<float>(factor), e, c,
               row_sums, row_flags, col_flags);
  if (!grad_x.empty()) {
    float* const part = scratch.vector<float>(n * dim).data;
    gemm(handle, Transpose::no, Transpose::no, n, dim, m, 1.f, e, m, y.data, y.stride, 0.f, part,
         dim, precision, Epilogue::none, nullptr, stream);
    CLIPK_LAUNCH(gradient_kernel, over(ceil_div(n, kWarps), kThreads, stream), x, y, row_sums,
                 std::int64_t{1}, part, row_flags, c, m, std::int64_t{1}, grad_x);
  }
  const MatrixView<float> grad_cols = self ? grad_x : grad_y;
  if (!grad_cols.empty()) {
    const std::int64_t chunks = ceil_div(n, kChunkRows);
    const std::int64_t column_blocks = ceil_div(m, kThreads);
    double* const col_sums = scratch.vector<double>(chunks * m).data;
    CLIPK_LAUNCH(column_sum_kernel, over(chunks * column_blocks, kThreads, stream), n, m,
                 column_blocks, e, col_sums);
    float* const part = scratch.vector<float>(m * dim).data;
    gemm(handle, Transpose::yes, Transpose::no, m, dim, n, 1.f, e, m, x.data, x.stride, 0.f, part,
         dim, precision, Epilogue::none, nullptr, stream);
    CLIPK_LAUNCH(gradient_kernel, over(ceil_div(m, kWarps), kThreads, stream), y, x, col_sums,
                 chunks, part, col_flags, c, std::int64_t{1}, m, grad_cols);
  }
}

}  // namespace clipk::gpu
