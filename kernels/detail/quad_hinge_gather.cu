// Quadruple hinge (isotonic) loss, gather form: for blocks whose n x m distances do not fit.
//
// Plan    one warp a quadruple: its lanes share the columns of the rows it reads. By query one
//         block a query, with its nearest's e, d and counts, and its own gradient, in shared
//         memory. Gradients are added as 64-bit integers, scaled so that they cannot overflow:
//         integer atomics give the same bits in any order. A last pass scales them back.
// Floor   by query one row (4 q bytes) read and, if active, 8 q bytes of atomics a quadruple; four
//         rows each in a uniform draw. Rows lie in L2 up to some 1e5 of them at q = 64: 8 M
//         quadruples by query make .25 G atomics, 1.6 ms at one a clock and L2 slice of an H100.
// Ladder  one variant so far. Next: quadruples grouped by block of rows, so that gradients meet in
//         shared memory before they leave: the atomics, not the bytes, are the floor.

#include <algorithm>
#include <bit>

#include "kernels/detail/quad_draw.cuh"
#include "kernels/quad_hinge_loss.hpp"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr std::int64_t kMaxBlocks = 1056;  // of a grid-stride loop: 8 a multiprocessor of an H100

using Fixed = unsigned long long;  // two's complement; the type that atomicAdd knows

__device__ __forceinline__ void add_fixed(Fixed* to, float value, double scale) {
  atomicAdd(to, static_cast<Fixed>(llrint(static_cast<double>(value) * scale)));
}

/// |a - b|, the same bits in every lane.
__device__ __forceinline__ float warp_distance(const float* __restrict__ a,
                                               const float* __restrict__ b, std::int64_t dim,
                                               bool root) {
  float sum = 0.f;
  for (std::int64_t k = threadIdx.x % 32; k < dim; k += 32) {
    const float v = __ldg(a + k) - __ldg(b + k);
    sum = fmaf(v, v, sum);
  }
  sum = warp_sum(sum);
  return root ? sqrtf(sum) : sum;
}

/// d of row i and column j of the block: read, or made from the rows. Of those only the order
/// counts; e_ij and e_ji have the same bits.
__device__ __forceinline__ float target_distance(const TargetDistances& target, std::int64_t i,
                                                 std::int64_t j) {
  if (target.distances.data != nullptr) {
    return __ldg(target.distances.data + i * target.distances.stride + j);
  }
  const float* a = target.rows_x.data + i * target.rows_x.stride;
  const float* b = target.rows_y.data + j * target.rows_y.stride;
  const std::int64_t dim = target.rows_x.cols;
  if (target.metric != Metric::cosine) return warp_distance(a, b, dim, false);
  float ab = 0.f, aa = 0.f, bb = 0.f;
  for (std::int64_t k = threadIdx.x % 32; k < dim; k += 32) {
    const float u = __ldg(a + k), v = __ldg(b + k);
    ab = fmaf(u, v, ab);
    aa = fmaf(u, u, aa);
    bb = fmaf(v, v, bb);
  }
  ab = warp_sum(ab);
  aa = warp_sum(aa);
  bb = warp_sum(bb);
  return 1.f - ab / sqrtf(aa * bb);
}

struct GatherCodes {
  MatrixView<const float> x, y;
  Fixed* grad_x;  // [n, q]
  Fixed* grad_y;  // [m, q]; grad_x within one set
  double scale;
};

/// grad_a += w (a - b), grad_b -= the same.
__device__ __forceinline__ void add_pair(float w, const float* __restrict__ a,
                                         const float* __restrict__ b, std::int64_t dim,
                                         double scale, Fixed* grad_a, Fixed* grad_b) {
  for (std::int64_t k = threadIdx.x % 32; k < dim; k += 32) {
    const float g = w * (__ldg(a + k) - __ldg(b + k));
    add_fixed(grad_a + k, g, scale);
    add_fixed(grad_b + k, -g, scale);
  }
}

__global__ void __launch_bounds__(kThreads)
    gather_queries_kernel(QuadRule rule, QuadNeighbors neighbors, TargetDistances target,
                          GatherCodes codes, const std::uint64_t* __restrict__ step_pointer,
                          double* partials, unsigned* ticket, double* loss) {
  CLIPK_DYN_SHARED(Fixed, own_grad);  // [q]
  CLIPK_SHARED(float, near_d, [kQuadMaxNear]);
  CLIPK_SHARED(float, near_e, [kQuadMaxNear]);
  CLIPK_SHARED(int, near_count, [kQuadMaxNear]);
  CLIPK_SHARED(double, sums, [32]);
  const std::int64_t dim = codes.x.cols;
  const std::int64_t q = blockIdx.x;
  const bool is_row = q < rule.n;
  const std::int64_t own = is_row ? q : q - rule.n;
  // Fields are chosen one by one: a chosen struct would live in local memory.
  const std::int32_t* list = is_row ? neighbors.of_rows.data + own * neighbors.of_rows.stride
                                    : neighbors.of_cols.data + own * neighbors.of_cols.stride;
  const auto near =
      static_cast<std::uint32_t>(is_row ? neighbors.of_rows.cols : neighbors.of_cols.cols);
  const auto others = static_cast<std::uint32_t>(is_row ? rule.m : rule.n);
  const float* other_codes = is_row ? codes.y.data : codes.x.data;
  const std::int64_t other_stride = is_row ? codes.y.stride : codes.x.stride;
  Fixed* const other_grad = is_row ? codes.grad_y : codes.grad_x;
  const float* code =
      is_row ? codes.x.data + own * codes.x.stride : codes.y.data + own * codes.y.stride;
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const auto distance = [&](std::int64_t c) {
    return warp_distance(code, other_codes + c * other_stride, dim, true);
  };
  const auto wanted = [&](std::int64_t c) {
    return target_distance(target, is_row ? own : c, is_row ? c : own);
  };
  for (std::int64_t k = threadIdx.x; k < dim; k += kThreads) own_grad[k] = 0;
  for (std::uint32_t p = warp; p < near; p += kWarps) {
    const float d = wanted(list[p]), e = distance(list[p]);
    if (lane == 0) {
      near_d[p] = d;
      near_e[p] = e;
      near_count[p] = 0;
    }
  }
  __syncthreads();
  const std::uint64_t step = *step_pointer;
  const std::int64_t quads = quads_of_query(rule.count, rule.n + (rule.self ? 0 : rule.m), q);
  double sum = 0;  // of lane 0
  for (std::int64_t t = 2 * warp; t < quads; t += 2 * kWarps) {
    const uint4 bits = quad_bits(rule, step, quad_query_block(q, t));
    for (int half = 0; half < 2 && t + half < quads; ++half) {
      const std::uint32_t place = quad_below(half == 0 ? bits.x : bits.z, near);
      const std::uint32_t word = half == 0 ? bits.y : bits.w;
      const std::uint32_t column =
          rule.self ? quad_below_skip(word, others, static_cast<std::uint32_t>(q))
                    : quad_below(word, others);
      const float e = distance(column);
      double hinge = 0;
      const int sign =
          quad_sign(rule.margin, near_d[place], wanted(column), near_e[place], e, hinge);
      if (sign == 0) continue;
      if (lane == 0) {
        sum += hinge;
        atomicAdd(&near_count[place], sign);
      }
      if (e == 0.f) continue;
      add_pair(static_cast<float>(sign) / e, other_codes + column * other_stride, code, dim,
               codes.scale, own_grad, other_grad + column * dim);
    }
  }
  __syncthreads();
  for (std::uint32_t p = warp; p < near; p += kWarps) {
    if (near_count[p] == 0 || near_e[p] == 0.f) continue;
    add_pair(static_cast<float>(near_count[p]) / near_e[p], code,
             other_codes + list[p] * other_stride, dim, codes.scale, own_grad,
             other_grad + list[p] * dim);
  }
  __syncthreads();
  Fixed* const own_total = (is_row ? codes.grad_x : codes.grad_y) + own * dim;
  for (std::int64_t k = threadIdx.x; k < dim; k += kThreads) atomicAdd(own_total + k, own_grad[k]);
  add_loss(rule, sum, sums, partials, ticket, loss);
}

__global__ void __launch_bounds__(kThreads)
    gather_all_kernel(QuadRule rule, TargetDistances target, GatherCodes codes,
                      const std::uint64_t* __restrict__ step_pointer, double* partials,
                      unsigned* ticket, double* loss) {
  CLIPK_SHARED(double, sums, [32]);
  const std::int64_t dim = codes.x.cols;
  const std::uint64_t step = *step_pointer;
  const auto n = static_cast<std::uint32_t>(rule.n);
  const auto m = static_cast<std::uint32_t>(rule.m);
  const unsigned lane = threadIdx.x % 32;
  double sum = 0;  // of lane 0
  const std::int64_t warps = static_cast<std::int64_t>(gridDim.x) * kWarps;
  for (std::int64_t t = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / 32;
       t < rule.count; t += warps) {
    const uint4 bits = quad_bits(rule, step, static_cast<std::uint64_t>(t));
    const std::uint32_t i = quad_below(bits.x, n), k = quad_below(bits.z, n);
    const std::uint32_t j = rule.self ? quad_below_skip(bits.y, m, i) : quad_below(bits.y, m);
    const std::uint32_t l = rule.self ? quad_below_skip(bits.w, m, k) : quad_below(bits.w, m);
    const float* row_i = codes.x.data + i * codes.x.stride;
    const float* row_j = codes.y.data + j * codes.y.stride;
    const float* row_k = codes.x.data + k * codes.x.stride;
    const float* row_l = codes.y.data + l * codes.y.stride;
    const float e_first = warp_distance(row_i, row_j, dim, true);
    const float e_second = warp_distance(row_k, row_l, dim, true);
    double hinge = 0;
    const int sign = quad_sign(rule.margin, target_distance(target, i, j),
                               target_distance(target, k, l), e_first, e_second, hinge);
    if (sign == 0) continue;
    if (lane == 0) sum += hinge;
    if (e_first != 0.f) {
      add_pair(static_cast<float>(sign) / e_first, row_i, row_j, dim, codes.scale,
               codes.grad_x + i * dim, codes.grad_y + j * dim);
    }
    if (e_second != 0.f) {
      add_pair(static_cast<float>(-sign) / e_second, row_k, row_l, dim, codes.scale,
               codes.grad_x + k * dim, codes.grad_y + l * dim);
    }
  }
  add_loss(rule, sum, sums, partials, ticket, loss);
}

__global__ void __launch_bounds__(kThreads)
    unfix_kernel(const Fixed* __restrict__ fixed, double factor, MatrixView<float> grad) {
  const std::int64_t size = grad.rows * grad.cols;
  const std::int64_t threads = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t p = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; p < size;
       p += threads) {
    float& g = grad.data[p / grad.cols * grad.stride + p % grad.cols];
    g = static_cast<float>(static_cast<double>(g) +
                           factor * static_cast<double>(static_cast<long long>(fixed[p])));
  }
}

}  // namespace

void quad_gather(const QuadHinge& call, Scratch& scratch, cudaStream_t stream) {
  const std::int64_t n = call.x.rows, m = call.y.rows, dim = call.x.cols;
  const QuadHingeOptions& options = call.options;
  const double factor = static_cast<double>(options.weight) / static_cast<double>(options.count);
  const QuadRule rule{n, m, call.self, options.count, options.seed, options.margin, factor};
  TargetDistances target = call.target;
  if (target.distances.empty()) {
    target.distances.data = nullptr;
    if (call.self) target.rows_y = target.rows_x;
  }
  // Each component of each of the at most 4 count terms is at most 1, plus its rounding.
  const int bits = 62 - std::bit_width(static_cast<std::uint64_t>(4 * options.count));
  const double scale = static_cast<double>(std::int64_t{1} << std::max(bits, 0));

  const auto zeros = [&](std::int64_t bytes) {
    void* const data = scratch.vector<unsigned char>(bytes).data;
    check_cuda(cudaMemsetAsync(data, 0, static_cast<std::size_t>(bytes), stream),
               "quad_hinge_loss: memset");
    return data;
  };
  const std::int64_t rows = call.queries();
  auto* const fixed =
      static_cast<Fixed*>(zeros(rows * dim * static_cast<std::int64_t>(sizeof(Fixed))));
  auto* const ticket = static_cast<unsigned*>(zeros(sizeof(unsigned)));
  const GatherCodes codes{call.x, call.y, fixed, call.self ? fixed : fixed + n * dim, scale};
  const auto launch = [&](std::int64_t blocks, std::size_t shared) {
    return Launch{dim3(static_cast<unsigned>(blocks)), dim3(kThreads), shared, stream};
  };
  if (options.draw == QuadDraw::query) {
    double* const partials = scratch.vector<double>(rows).data;
    const std::size_t shared = static_cast<std::size_t>(dim) * sizeof(Fixed);
    if (shared > 44 * 1024) allow_dynamic_shared(gather_queries_kernel, shared);
    CLIPK_LAUNCH(gather_queries_kernel, launch(rows, shared), rule, call.neighbors, target, codes,
                 call.step, partials, ticket, call.loss);
  } else {
    const std::int64_t blocks = std::min<std::int64_t>(ceil_div(options.count, kWarps), kMaxBlocks);
    double* const partials = scratch.vector<double>(blocks).data;
    CLIPK_LAUNCH(gather_all_kernel, launch(blocks, 0), rule, target, codes, call.step, partials,
                 ticket, call.loss);
  }
  const auto unfix = [&](const Fixed* from, MatrixView<float> grad) {
    if (grad.empty()) return;
    const std::int64_t blocks =
        std::min<std::int64_t>(ceil_div(grad.rows * grad.cols, kThreads), kMaxBlocks);
    CLIPK_LAUNCH(unfix_kernel, launch(blocks, 0), from, factor / scale, grad);
  };
  unfix(fixed, call.grad_x);
  unfix(fixed + n * dim, call.grad_y);
}

}  // namespace clipk::gpu
