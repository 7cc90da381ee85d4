// Quadruple hinge (isotonic) loss, dense form: codes x [n, q] and y [m, q], target d [n, m].
//
// Plan    E by the kernel of pairwise_distance, from rows moved to their middle where that is far.
//         By query: one block a query, two quadruples a Philox block and thread; the nearest's e, d
//         and counts in shared memory, other distances read from L2 and counted by integer atomics.
//         Uniform: one thread a quadruple. Integer counts and the fixed tree of the loss do not
//         depend on the order.
//         Counts C and E then make the gradient in detail/counted_gradient.cu.
// Floor   bytes: 4 nm of d, about 8 x 4 nm of E, C and W: at n = m = 5000 .3 ms on an H100;
//         products 6 nmq flop: .14 ms at q = 64 in fp32; 8 M quadruples read 2 x 32-byte sectors of
//         d and e a distance, mostly from L2, and make 16 M atomics: .1-.2 ms.
// Ladder  1  a product by cuBLASLt and a pass of its own for E        7 x 4 nm bytes
//         2  the kernel of pairwise_distance, one rule for near rows  8 x 4 nm bytes  <- this one
//         Neither was timed. Next: d in bf16, or counts in 16 bits: each spares 2 n m bytes a
//         pass.

#include <algorithm>

#include "kernels/detail/counted_gradient.hpp"
#include "kernels/detail/quad_draw.cuh"
#include "kernels/quad_hinge_loss.hpp"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kQueryThreads = 128;
constexpr std::int64_t kMaxBlocks = 2112;  // of a grid-stride loop: 16 a multiprocessor of an H100

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

Launch over(std::int64_t blocks, int threads, cudaStream_t stream) {
  return {dim3(static_cast<unsigned>(blocks)), dim3(static_cast<unsigned>(threads)), 0, stream};
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
  const std::int64_t n = call.x.rows, m = call.y.rows;
  const CountedCodes codes = counted_codes(call.x, call.y, call.self, precision, scratch, stream);
  MatrixView<const float> d = call.target.distances;
  if (d.empty()) d = target_distances(call.target, call.self, scratch, stream);

  int* const c = zeros<int>(n * m, scratch, stream);
  unsigned* const ticket = zeros<unsigned>(1, scratch, stream);
  const QuadHingeOptions& options = call.options;
  const double factor = static_cast<double>(options.weight) / static_cast<double>(options.count);
  const QuadRule rule{n, m, call.self, options.count, options.seed, options.margin, factor};
  if (options.draw == QuadDraw::query) {
    double* const partials = scratch.vector<double>(call.queries()).data;
    CLIPK_LAUNCH(count_queries_kernel, over(call.queries(), kQueryThreads, stream), rule,
                 call.neighbors, d, codes.e, call.step, c, partials, ticket, call.loss);
  } else {
    const std::int64_t blocks =
        std::min<std::int64_t>(ceil_div(options.count, kThreads), kMaxBlocks);
    double* const partials = scratch.vector<double>(blocks).data;
    CLIPK_LAUNCH(count_all_kernel, over(blocks, kThreads, stream), rule, d, codes.e, call.step, c,
                 partials, ticket, call.loss);
  }

  counted_gradient(codes, call.self, c, factor, call.grad_x, call.grad_y, precision, handle,
                   scratch, stream);
}

}  // namespace clipk::gpu
