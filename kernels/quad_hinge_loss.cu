// Quadruple hinge (isotonic) loss, dense form: codes x [n, q] and y [m, q], target d [n, m].
//
// Plan    E by the kernel of pairwise_distance, from rows moved to their middle where that is far.
//         By query: one block a query, two quadruples a Philox block and thread; the nearest's e, d
//         and counts in shared memory, other distances read from L2 and counted by integer atomics.
//         Uniform: one thread a quadruple. Integer counts and the fixed tree of the loss do not
//         depend on the order.
//         One pass turns counts C and E into W = C / E in place, with row sums; one adds column
//         sums; two products, and grad = (W 1) x - W Y likewise for columns. Near twins,
//         whose two terms would cancel, stay out of W and are added one by one.
// Floor   bytes: 4 nm of d, about 8 x 4 nm of E, C and W: at n = m = 5000 .3 ms on an H100;
//         products 6 nmq flop: .14 ms at q = 64 in fp32; 8 M quadruples read 2 x 32-byte sectors of
//         d and e a distance, mostly from L2, and make 16 M atomics: .1-.2 ms.
// Ladder  1  a product by cuBLASLt and a pass of its own for E        7 x 4 nm bytes
//         2  the kernel of pairwise_distance, one rule for near rows  8 x 4 nm bytes  <- this one
//         Neither was timed. Next: d in bf16, or counts in 16 bits: each spares 2 n m bytes a
//         pass.

#include <algorithm>

#include "kernels/detail/packed_rows.hpp"
#include "kernels/detail/quad_draw.cuh"
#include "kernels/pairwise_distance.hpp"
#include "kernels/quad_hinge_loss.hpp"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kQueryThreads = 128;
constexpr std::int64_t kMaxBlocks = 2112;  // of a grid-stride loop: 16 a multiprocessor of an H100
constexpr int kWarps = kThreads / 32;
constexpr std::int64_t kChunkRows = 256;  // rows of one partial of a column's sum
constexpr float kTwin = 1.f / 1024;       // of |x|^2 + |y|^2: nearer rows are twins

// One block a query: a row of the block, or (from n on) a column.
__global__ void __launch_bounds__(kQueryThreads)
    count_queries_kernel(QuadRule rule, QuadNeighbors neighbors, MatrixView<const float> d,
                         const float* __restrict__ e,
                         const std::uint64_t* __restrict__ step_pointer, int* c, double* partials,
                         unsigned* ticket, double* loss) {
  CLIPK_SHARED(float, near_d, [kQuadMaxNear]);
  CLIPK_SHARED(float, near_e, [kQuadMaxNear]);
  CLIPK_SHARED(int, near_count, [kQuadMaxNear]);
  CLIPK_SHARED(double, sums, [32]);
  const std::int64_t q = blockIdx.x;
  const bool is_row = q < rule.n;
  const std::int64_t own = is_row ? q : q - rule.n;
  // Fields are chosen one by one: a chosen struct would live in local memory.
  const std::int32_t* list = is_row ? neighbors.of_rows.data + own * neighbors.of_rows.stride
                                    : neighbors.of_cols.data + own * neighbors.of_cols.stride;
  const auto near =
      static_cast<std::uint32_t>(is_row ? neighbors.of_rows.cols : neighbors.of_cols.cols);
  const auto others = static_cast<std::uint32_t>(is_row ? rule.m : rule.n);
  const std::int64_t d_step = is_row ? 1 : d.stride;
  const std::int64_t e_step = is_row ? 1 : rule.m;
  const float* d_own = d.data + (is_row ? own * d.stride : own);
  const float* e_own = e + (is_row ? own * rule.m : own);
  int* c_own = c + (is_row ? own * rule.m : own);
  for (std::uint32_t p = threadIdx.x; p < near; p += kQueryThreads) {
    near_d[p] = d_own[list[p] * d_step];
    near_e[p] = e_own[list[p] * e_step];
    near_count[p] = 0;
  }
  __syncthreads();
  const std::uint64_t step = *step_pointer;
  const std::int64_t quads = quads_of_query(rule.count, rule.n + (rule.self ? 0 : rule.m), q);
  double sum = 0;
  for (std::int64_t t = 2 * static_cast<std::int64_t>(threadIdx.x); t < quads;
       t += 2 * kQueryThreads) {
    const uint4 bits = quad_bits(rule, step, quad_query_block(q, t));
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      if (t + half >= quads) break;
      const std::uint32_t place = quad_below(half == 0 ? bits.x : bits.z, near);
      const std::uint32_t word = half == 0 ? bits.y : bits.w;
      const std::uint32_t column =
          rule.self ? quad_below_skip(word, others, static_cast<std::uint32_t>(q))
                    : quad_below(word, others);
      const int sign = quad_sign(rule.margin, near_d[place], __ldg(d_own + column * d_step),
                                 near_e[place], __ldg(e_own + column * e_step), sum);
      if (sign != 0) {
        atomicAdd(&near_count[place], sign);
        atomicAdd(c_own + column * e_step, -sign);
      }
    }
  }
  __syncthreads();
  for (std::uint32_t p = threadIdx.x; p < near; p += kQueryThreads) {
    if (near_count[p] != 0) atomicAdd(c_own + list[p] * e_step, near_count[p]);
  }
  add_loss(rule, sum, sums, partials, ticket, loss);
}

__global__ void __launch_bounds__(kThreads)
    count_all_kernel(QuadRule rule, MatrixView<const float> d, const float* __restrict__ e,
                     const std::uint64_t* __restrict__ step_pointer, int* c, double* partials,
                     unsigned* ticket, double* loss) {
  CLIPK_SHARED(double, sums, [32]);
  const std::uint64_t step = *step_pointer;
  const auto n = static_cast<std::uint32_t>(rule.n);
  const auto m = static_cast<std::uint32_t>(rule.m);
  const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * kThreads;
  double sum = 0;
  for (std::int64_t t = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
       t < rule.count; t += threads) {
    const uint4 bits = quad_bits(rule, step, static_cast<std::uint64_t>(t));
    const std::uint32_t i = quad_below(bits.x, n), k = quad_below(bits.z, n);
    const std::uint32_t j = rule.self ? quad_below_skip(bits.y, m, i) : quad_below(bits.y, m);
    const std::uint32_t l = rule.self ? quad_below_skip(bits.w, m, k) : quad_below(bits.w, m);
    const std::int64_t first = i * rule.m + j, second = k * rule.m + l;
    const int sign =
        quad_sign(rule.margin, __ldg(d.data + i * d.stride + j), __ldg(d.data + k * d.stride + l),
                  __ldg(e + first), __ldg(e + second), sum);
    if (sign != 0) {
      atomicAdd(c + first, sign);
      atomicAdd(c + second, -sign);
    }
  }
  add_loss(rule, sum, sums, partials, ticket, loss);
}

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

/// The target made from its rows. Rounding must not exchange two of them: always fp32. Only the
/// order counts, so no roots.
float* target_distances(const QuadHinge& call, Scratch& scratch, cudaStream_t stream) {
  const Metric metric =
      call.target.metric == Metric::cosine ? Metric::cosine : Metric::squared_euclidean;
  const auto operand = [&](MatrixView<const float> rows) {
    float* const scales = scratch.vector<float>(rows.rows).data;
    const DistanceOperand x{rows.data, rows.rows, rows.stride, 0, scales};
    row_scales(metric, 1, rows.cols, x, scales, stream);
    return x;
  };
  const DistanceOperand x = operand(call.target.rows_x);
  const DistanceOperand y = call.self ? x : operand(call.target.rows_y);
  return distances(metric, Precision::fp32, call.target.rows_x.cols, x, y, scratch, stream);
}

template <class T>
T* zeros(std::int64_t size, Scratch& scratch, cudaStream_t stream) {
  T* const data = scratch.vector<T>(size).data;
  check_cuda(cudaMemsetAsync(data, 0, static_cast<std::size_t>(size) * sizeof(T), stream),
             "quad_hinge_loss: memset");
  return data;
}

}  // namespace

void quad_dense(const QuadHinge& call, Precision precision, GemmHandle& handle, Scratch& scratch,
                cudaStream_t stream) {
  const std::int64_t n = call.x.rows, m = call.y.rows, dim = call.x.cols;
  float* const centre = scratch.vector<float>(dim).data;
  find_centre(call.x, call.y, centre, stream);
  const PackedRows x = pack(call.x, centre, scratch, stream);
  const PackedRows y = call.self ? x : pack(call.y, centre, scratch, stream);
  float* const e = distances(Metric::euclidean, precision, dim, {x.data, n, x.stride, 0, x.norms},
                             {y.data, m, y.stride, 0, y.norms}, scratch, stream);
  MatrixView<const float> d = call.target.distances;
  if (d.empty()) d = {target_distances(call, scratch, stream), n, m, Device::cuda};

  int* const c = zeros<int>(n * m, scratch, stream);
  unsigned* const ticket = zeros<unsigned>(1, scratch, stream);
  const QuadHingeOptions& options = call.options;
  const double factor = static_cast<double>(options.weight) / static_cast<double>(options.count);
  const QuadRule rule{n, m, call.self, options.count, options.seed, options.margin, factor};
  if (options.draw == QuadDraw::query) {
    double* const partials = scratch.vector<double>(call.queries()).data;
    CLIPK_LAUNCH(count_queries_kernel, over(call.queries(), kQueryThreads, stream), rule,
                 call.neighbors, d, e, call.step, c, partials, ticket, call.loss);
  } else {
    const std::int64_t blocks =
        std::min<std::int64_t>(ceil_div(options.count, kThreads), kMaxBlocks);
    double* const partials = scratch.vector<double>(blocks).data;
    CLIPK_LAUNCH(count_all_kernel, over(blocks, kThreads, stream), rule, d, e, call.step, c,
                 partials, ticket, call.loss);
  }

  double* const row_sums = scratch.vector<double>(n).data;
  int* const row_flags = scratch.vector<int>(n).data;
  int* const col_flags = zeros<int>(m, scratch, stream);
  CLIPK_LAUNCH(weight_kernel, over(n, kThreads, stream), x, y, static_cast<float>(factor), e, c,
               row_sums, row_flags, col_flags);
  if (!call.grad_x.empty()) {
    float* const part = scratch.vector<float>(n * dim).data;
    gemm(handle, Transpose::no, Transpose::no, n, dim, m, 1.f, e, m, y.data, y.stride, 0.f, part,
         dim, precision, Epilogue::none, nullptr, stream);
    CLIPK_LAUNCH(gradient_kernel, over(ceil_div(n, kWarps), kThreads, stream), x, y, row_sums,
                 std::int64_t{1}, part, row_flags, c, m, std::int64_t{1}, call.grad_x);
  }
  const MatrixView<float> grad_cols = call.self ? call.grad_x : call.grad_y;
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
