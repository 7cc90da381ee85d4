// Quadruple hinge (isotonic) loss over all quadruples: codes x [n, q] and y [m, q], ranks of the
// target by row, by column or of the block.
//
// Plan    E as in quad_hinge_loss. Then a count for every distance: how often it is the smaller one
//         of an active quadruple, less how often the larger one.
//         With few nearest: one block a query compares each of 32 nearest at a time with all e of
//         the query; a lane keeps the count of one nearest, the ballot of a warp adds to it.
//         Else e is sorted by group (detail/quad_sort.cu), and the ranks in that order are put into
//         a wavelet matrix: level by level from the highest bit of a rank on, the bits of all ranks
//         are kept with their sums, and ranks with a 0 move before those with a 1. It says how many
//         of any range of sorted distances have a rank below a limit, in two reads a level.
//         Bisection finds the range of each distance: those below margin + e, and those whose
//         margin + e is above its own e. Sums c_ij e_ij make the loss, and c and E the gradient
//         (detail/counted_gradient.cu).
// Floor   few nearest: 16 nm bytes of ranks and E, .13 ms at n = m = 5000 on an H100, and .23 for
//         the gradient. All, by query: for 2 nm = 50 M distances 13 levels of 2 x 2 reads of a
//         sector of L2 each, 83 GB, 15 ms at 5.5 TB/s; the sort of 11 GB 3.6 ms; the levels 13 x 12
//         bytes, 8 GB, 2.6 ms. Of a block of 25 M: 25 levels of 2 x 2 reads, 80 GB.
// Ladder  one variant so far, not timed. Next: sums of a whole query in shared memory, where its
//         levels take m / 4 bytes each: 16 KB at m = 5000.

#include "kernels/full_quad_hinge_loss.hpp"

#include <algorithm>

#include "kernels/detail/counted_gradient.hpp"
#include "kernels/detail/quad_sort.hpp"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kScanThreads = 1024;
constexpr std::int64_t kMaxBlocks = 2112;  // of a grid-stride loop: 16 a multiprocessor of an H100

using Active = unsigned long long;

Launch over(std::int64_t blocks, int threads, cudaStream_t stream) {
  return {dim3(static_cast<unsigned>(blocks)), dim3(static_cast<unsigned>(threads)), 0, stream};
}

// ---- Few nearest --------------------------------------------------------------------------------

/// Rows of the block, or its columns.
struct NearQueries {
  const std::int32_t* ranks;  // [queries, others]
  const std::int32_t* lists;  // [queries, near]
  std::int64_t near, others;
  std::int64_t own_step, other_step;  // in e and c
  float margin;
};

// One block a query.
__global__ void __launch_bounds__(kThreads)
    compare_near_kernel(NearQueries q, const float* __restrict__ e, int* c, Active* active) {
  CLIPK_SHARED(float, limits, [32]);
  CLIPK_SHARED(int, limit_ranks, [32]);
  CLIPK_SHARED(int, near_counts, [32]);
  CLIPK_SHARED(Active, sums, [32]);
  const std::int64_t query = blockIdx.x;
  const float* const e_own = e + query * q.own_step;
  int* const c_own = c + query * q.own_step;
  const std::int32_t* const ranks = q.ranks + query * q.others;
  const std::int32_t* const list = q.lists + query * q.near;
  const unsigned lane = threadIdx.x % 32;
  Active total = 0;
  for (std::int64_t first = 0; first < q.near; first += 32) {
    const int count = static_cast<int>(q.near - first < 32 ? q.near - first : 32);
    if (threadIdx.x < 32) {
      const std::int64_t p = lane < static_cast<unsigned>(count) ? list[first + lane] : 0;
      limits[lane] = q.margin + e_own[p * q.other_step];
      limit_ranks[lane] = ranks[p];
      near_counts[lane] = 0;
    }
    __syncthreads();
    int plus = 0;  // of nearest `lane`
    for (std::int64_t start = 0; start < q.others; start += kThreads) {
      const std::int64_t j = start + threadIdx.x;
      const bool inside = j < q.others;
      const float own = inside ? __ldg(e_own + j * q.other_step) : 0.f;
      const int rank = inside ? __ldg(ranks + j) : -1;
      int minus = 0;
      for (int t = 0; t < count; ++t) {
        const bool one = inside && rank > limit_ranks[t] && own < limits[t];
        const int here = __popc(__ballot_sync(kFullWarp, one));
        minus += one;
        plus += lane == static_cast<unsigned>(t) ? here : 0;
      }
      if (minus != 0) atomicAdd(c_own + j * q.other_step, -minus);
      total += static_cast<Active>(minus);
    }
    if (plus != 0) atomicAdd(&near_counts[lane], plus);
    __syncthreads();
    if (threadIdx.x < static_cast<unsigned>(count) && near_counts[lane] != 0) {
      atomicAdd(c_own + list[first + lane] * q.other_step, near_counts[lane]);
    }
    __syncthreads();
  }
  total = block_sum(total, sums);
  if (threadIdx.x == 0) atomicAdd(active, total);
}

// ---- All, by a wavelet matrix -------------------------------------------------------------------

/// Bits of 32 ranks, and how many bits of the level are set before them.
struct RankWord {
  unsigned bits;
  unsigned before;
};

struct RankLevels {
  const RankWord* words;  // [levels, stride]; the last word of a level holds its sum
  std::int64_t stride;
  std::int64_t count;  // ranks
  int levels;          // bits of a rank
};

__device__ __forceinline__ std::int64_t ones_before(const RankWord* level, std::int64_t k) {
  const uint2 word = __ldg(reinterpret_cast<const uint2*>(level + k / 32));
  return static_cast<std::int64_t>(word.y) + __popc(word.x & ((1u << (k % 32)) - 1));
}

/// Ranks below `limit` among places low ... high - 1 of the sorted distances.
__device__ __forceinline__ std::int64_t ranks_below(const RankLevels& all, std::int64_t low,
                                                    std::int64_t high, std::int64_t limit) {
  if (limit >> all.levels != 0) return high - low;
  std::int64_t sum = 0;
  for (int l = 0; l < all.levels && low < high; ++l) {
    const RankWord* const level = all.words + l * all.stride;
    const std::int64_t ones_low = ones_before(level, low), ones_high = ones_before(level, high);
    if ((limit >> (all.levels - 1 - l) & 1) != 0) {
      sum += (high - ones_high) - (low - ones_low);
      const std::int64_t zeros = all.count - ones_before(level, all.count);
      low = zeros + ones_low;
      high = zeros + ones_high;
    } else {
      low -= ones_low;
      high -= ones_high;
    }
  }
  return sum;
}

__global__ void __launch_bounds__(kThreads)
    sorted_ranks_kernel(QuadGroups groups, const std::int32_t* __restrict__ numbers,
                        const std::int32_t* __restrict__ ranks, std::int32_t* sorted) {
  const std::int64_t t = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (t >= groups.groups * groups.size) return;
  const std::int32_t rank = ranks[(groups.first + t / groups.size) * groups.size + numbers[t]];
  sorted[t] = rank < 0 ? 0 : rank;  // of those left out, which no range holds
}

// One thread a rank, and the word after the last.
__global__ void __launch_bounds__(kThreads)
    level_bits_kernel(const std::int32_t* __restrict__ ranks, std::int64_t count, int bit,
                      RankWord* level) {
  const std::int64_t k = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const bool one = k < count && (ranks[k] >> bit & 1) != 0;
  const unsigned bits = __ballot_sync(kFullWarp, one);
  if (threadIdx.x % 32 == 0 && k / 32 <= count / 32) level[k / 32].bits = bits;
}

// One block: a thread adds up a run of words, whose sums are then shifted by those before it.
__global__ void __launch_bounds__(kScanThreads)
    level_sums_kernel(std::int64_t words, RankWord* level) {
  CLIPK_SHARED(unsigned, warp_sums, [32]);
  const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const std::int64_t run = (words + kScanThreads - 1) / kScanThreads;
  const std::int64_t first = threadIdx.x * run;
  const std::int64_t last = first + run < words ? first + run : words;
  unsigned own = 0;
  for (std::int64_t w = first; w < last; ++w) own += static_cast<unsigned>(__popc(level[w].bits));
  unsigned through = own;  // of this warp's threads up to this one
#pragma unroll
  for (unsigned step = 1; step < 32; step *= 2) {
    const unsigned other = __shfl_up_sync(kFullWarp, through, step);
    through += lane >= step ? other : 0;
  }
  if (lane == 31) warp_sums[warp] = through;
  __syncthreads();
  unsigned before = through - own;
  for (unsigned w = 0; w < warp; ++w) before += warp_sums[w];
  for (std::int64_t w = first; w < last; ++w) {
    level[w].before = before;
    before += static_cast<unsigned>(__popc(level[w].bits));
  }
}

__global__ void __launch_bounds__(kThreads)
    split_ranks_kernel(const std::int32_t* __restrict__ ranks, std::int64_t count,
                       const RankWord* level, std::int32_t* split) {
  const std::int64_t k = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (k >= count) return;
  const std::int64_t ones = ones_before(level, k);
  const bool one = (level[k / 32].bits >> (k % 32) & 1) != 0;
  split[one ? count - ones_before(level, count) + ones : k - ones] = ranks[k];
}

__global__ void __launch_bounds__(kThreads)
    count_sorted_kernel(QuadGroups groups, SortedQuads sorted,
                        const std::int32_t* __restrict__ ranks, RankLevels levels, float margin,
                        int* c, Active* active) {
  CLIPK_SHARED(Active, sums, [32]);
  const std::int64_t t = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  Active plus = 0;
  if (t < groups.groups * groups.size && t % groups.size < groups.valid) {
    const std::int64_t g = t / groups.size;
    const std::int64_t first = g * groups.size, last = first + groups.valid;
    const auto e = [&](std::int64_t k) {
      return from_ordered(
          value_bits(__ldg(reinterpret_cast<const unsigned long long*>(sorted.keys + k))));
    };
    const float own = e(t), limit = margin + own;
    const std::int64_t below = first_not(first, last, [&](std::int64_t k) { return e(k) < limit; });
    const std::int64_t inactive =
        first_not(first, last, [&](std::int64_t k) { return margin + e(k) <= own; });
    const std::int64_t rank = ranks[t];
    plus = static_cast<Active>(below - first - ranks_below(levels, first, below, rank + 1));
    const std::int64_t minus = ranks_below(levels, inactive, last, rank);
    const std::int64_t at = sorted.numbers[t];
    // Every distance is in one group of this launch.
    c[groups.row(g, at) * groups.m + groups.col(g, at)] +=
        static_cast<int>(static_cast<std::int64_t>(plus) - minus);
  }
  plus = block_sum(plus, sums);
  if (threadIdx.x == 0) atomicAdd(active, plus);
}

int bits_of(std::int64_t most) {
  int bits = 1;
  while (most >> bits != 0) ++bits;
  return bits;
}

/// Adds to c the counts of these groups, of which ranks [all groups, size] are given.
void count_sorted(Context& context, const QuadGroups& groups, MatrixView<const float> e,
                  const std::int32_t* ranks, float margin, int* c, Active* active) {
  const cudaStream_t stream = context.stream();
  Scratch scratch(context);
  const std::int64_t count = groups.count();
  const SortedQuads sorted = sort_quads(groups, e, scratch, stream);
  std::int32_t* const own = scratch.vector<std::int32_t>(count).data;
  std::int32_t* const parts[2] = {scratch.vector<std::int32_t>(count).data,
                                  scratch.vector<std::int32_t>(count).data};
  const std::int64_t words = count / 32 + 1;
  const int levels = bits_of(groups.valid - 1);
  RankWord* const all = scratch.vector<RankWord>(levels * words).data;
  const Launch launch = over(ceil_div(count, kThreads), kThreads, stream);
  CLIPK_LAUNCH(sorted_ranks_kernel, launch, groups, sorted.numbers, ranks, own);
  const std::int32_t* from = own;
  for (int l = 0; l < levels; ++l) {
    RankWord* const level = all + l * words;
    CLIPK_LAUNCH(level_bits_kernel, over(ceil_div(count + 1, kThreads), kThreads, stream), from,
                 count, levels - 1 - l, level);
    CLIPK_LAUNCH(level_sums_kernel, over(1, kScanThreads, stream), words, level);
    if (l + 1 == levels) break;
    CLIPK_LAUNCH(split_ranks_kernel, launch, from, count, level, parts[l % 2]);
    from = parts[l % 2];
  }
  CLIPK_LAUNCH(count_sorted_kernel, launch, groups, sorted, own,
               (RankLevels{all, words, count, levels}), margin, c, active);
}

// ---- The loss -----------------------------------------------------------------------------------

__global__ void __launch_bounds__(kThreads)
    counted_sum_kernel(std::int64_t pairs, const int* __restrict__ c, const float* __restrict__ e,
                       const Active* active, double margin, double factor, double* partials,
                       unsigned* ticket, double* loss) {
  CLIPK_SHARED(double, sums, [32]);
  double sum = 0;
  for (std::int64_t p = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; p < pairs;
       p += static_cast<std::int64_t>(gridDim.x) * kThreads) {
    sum += static_cast<double>(c[p]) * static_cast<double>(e[p]);
  }
  double total = 0;
  if (grid_sum(sum, sums, partials, ticket, total) && threadIdx.x == 0) {
    *loss += factor * (margin * static_cast<double>(*active) + total);
  }
}

}  // namespace

void full_quad_hinge_loss(Context& context, const FullQuadHinge& call, GemmHandle& handle) {
  const cudaStream_t stream = context.stream();
  const QuadOrder& order = *call.order;
  const std::int64_t n = call.x.rows, m = call.y.rows, near = order.options.near;
  const float margin = call.options.margin;
  Scratch scratch(context);
  const CountedCodes codes =
      counted_codes(call.x, call.y, call.self, context.precision(), scratch, stream);
  int* const c = scratch.vector<int>(n * m).data;
  Active* const active = scratch.vector<Active>(1).data;
  unsigned* const ticket = scratch.vector<unsigned>(1).data;
  const auto zero = [&](void* data, std::int64_t bytes) {
    check_cuda(cudaMemsetAsync(data, 0, static_cast<std::size_t>(bytes), stream),
               "full_quad_hinge_loss: memset");
  };
  zero(c, n * m * static_cast<std::int64_t>(sizeof(int)));
  zero(active, sizeof(Active));
  zero(ticket, sizeof(unsigned));

  if (near > 0) {
    CLIPK_LAUNCH(compare_near_kernel, over(n, kThreads, stream),
                 (NearQueries{order.of_rows.data(), order.near_rows.data(), near, m, m, 1, margin}),
                 codes.e, c, active);
    if (!call.self) {
      CLIPK_LAUNCH(
          compare_near_kernel, over(m, kThreads, stream),
          (NearQueries{order.of_cols.data(), order.near_cols.data(), near, n, 1, m, margin}),
          codes.e, c, active);
    }
  } else {
    const MatrixView<const float> e(codes.e, n, m, Device::cuda);
    const auto count = [&](QuadGroups::Kind kind, const Matrix<std::int32_t>& ranks) {
      for_quad_groups(kind, call.self, n, m, [&](const QuadGroups& groups) {
        count_sorted(context, groups, e, ranks.data(), margin, c, active);
      });
    };
    if (order.options.draw == QuadDraw::all) {
      count(QuadGroups::Kind::block, order.of_rows);
    } else {
      count(QuadGroups::Kind::rows, order.of_rows);
      if (!call.self) count(QuadGroups::Kind::cols, order.of_cols);
    }
  }

  const double factor = static_cast<double>(call.options.weight) / static_cast<double>(order.count);
  const std::int64_t blocks = std::min<std::int64_t>(ceil_div(n * m, kThreads), kMaxBlocks);
  double* const partials = scratch.vector<double>(blocks).data;
  CLIPK_LAUNCH(counted_sum_kernel, over(blocks, kThreads, stream), n * m, c, codes.e, active,
               static_cast<double>(margin), factor, partials, ticket, call.loss);
  counted_gradient(codes, call.self, c, factor, call.grad_x, call.grad_y, context.precision(),
                   handle, scratch, stream);
}

}  // namespace clipk::gpu
