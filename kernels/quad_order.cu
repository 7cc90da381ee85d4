// The order of target distances d [n, m] for a loss over all quadruples: ranks within each row and
// column, or within the block, and the nearest of every query.
//
// Plan    distances of up to 4 M groups' members are sorted at once with their group as the high
//         half of the key. One thread a sorted distance then finds the first equal one by
//         bisection: that place is its rank, which it writes where the distance was. Sums are
//         integers.
// Floor   of 2 x 25 M distances by query about 9 passes of 24 bytes of the sort, 11 GB: 3.6 ms on
//         an H100. Once a training.
// Ladder  one variant so far.

#include "kernels/quad_order.hpp"

#include <cfloat>

#include "kernels/detail/counted_gradient.hpp"
#include "kernels/detail/quad_sort.hpp"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;

/// Where the ranks and the nearest go. `near` 0: no lists.
struct RankOutput {
  std::int32_t* ranks;  // [groups, size]
  std::int32_t* lists;  // [groups, near]
  std::int64_t near;
};

__global__ void __launch_bounds__(kThreads)
    quad_ranks_kernel(QuadGroups groups, SortedQuads sorted, RankOutput out,
                      QuadOrderTotals* totals) {
  CLIPK_SHARED(unsigned long long, sums, [32]);
  const std::int64_t t = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  unsigned long long count = 0, ties = 0, not_finite = 0;
  if (t < groups.groups * groups.size) {
    const std::int64_t g = t / groups.size, at = t % groups.size;
    const std::uint64_t key = sorted.keys[t];
    const std::int64_t start = g * groups.size;
    const std::int64_t rank =
        first_not(start, t, [&](std::int64_t k) { return sorted.keys[k] < key; }) - start;
    const std::int64_t own = groups.first + g;
    const std::int32_t number = sorted.numbers[t];
    const bool valid = at < groups.valid;
    out.ranks[own * groups.size + number] = valid ? static_cast<std::int32_t>(rank) : -1;
    if (valid) {
      count = static_cast<unsigned long long>(out.near > 0 && out.near < rank ? out.near : rank);
      ties = rank != at;
      not_finite = !(fabsf(from_ordered(value_bits(key))) <= FLT_MAX);
      if (at < out.near) out.lists[own * out.near + at] = number;
    }
  }
  count = block_sum(count, sums);
  ties = block_sum(ties, sums);
  not_finite = block_sum(not_finite, sums);
  if (threadIdx.x == 0) {
    atomicAdd(&totals->count, count);
    atomicAdd(&totals->ties, ties);
    atomicAdd(&totals->not_finite, not_finite);
  }
}

}  // namespace

void quad_order(const TargetDistances& target, QuadOrder& order, QuadOrderTotals* totals,
                Context& context) {
  const cudaStream_t stream = context.stream();
  const bool self = order.options.one_set;
  Scratch scratch(context);
  MatrixView<const float> d = target.distances;
  if (d.empty()) d = target_distances(target, self, scratch, stream);
  check_cuda(cudaMemsetAsync(totals, 0, sizeof(QuadOrderTotals), stream), "quad_order: memset");
  const auto rank = [&](QuadGroups::Kind kind, Matrix<std::int32_t>& ranks,
                        Matrix<std::int32_t>& lists) {
    for_quad_groups(kind, self, order.rows, order.cols, [&](const QuadGroups& groups) {
      Scratch piece(context);
      const SortedQuads sorted = sort_quads(groups, d, piece, stream);
      CLIPK_LAUNCH(quad_ranks_kernel,
                   (Launch{dim3(ceil_div(groups.count(), kThreads)), dim3(kThreads), 0, stream}),
                   groups, sorted,
                   (RankOutput{ranks.data(), lists.data(), lists.empty() ? 0 : lists.cols()}),
                   totals);
    });
  };
  if (order.options.draw == QuadDraw::all) {
    rank(QuadGroups::Kind::block, order.of_rows, order.near_rows);
    return;
  }
  rank(QuadGroups::Kind::rows, order.of_rows, order.near_rows);
  if (!self) rank(QuadGroups::Kind::cols, order.of_cols, order.near_cols);
}

}  // namespace clipk::gpu
