// Attraction of t-SNE: sums over the sparse rows of P [n, m] of p_ij (y_i - others_j) / (1 + d^2).
//
// Plan    one warp a row, lanes along its entries, so that columns and values are read in whole
//         lines; the points they name are fetched as they come, and stay in L2 (8 bytes each). The
//         loss is added in float64, one partial a block, in block order by the last block.
// Floor   8 bytes an entry: 10 million entries (70,000 points at perplexity 30) in .03 ms on an
//         H100; their points are as many reads of a 32-byte sector from L2, about twice that. Not
//         yet timed on a GPU.
// Ladder  one variant so far. The points' sectors of L2 are the floor. Next: points numbered by
//         cell of the map, as the FFT's repulsion sorts them, so that an entry's neighbours share
//         its sector (4 points).

#include "kernels/tsne_attraction.hpp"

#include <algorithm>

#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr std::int64_t kMaxBlocks = 4096;

struct Arguments {
  const std::int64_t* starts;
  const std::int32_t* columns;
  const float* values;
  MatrixView<const float> y, others;
  MatrixView<float> forces;
  double* loss;  // null where it is not wanted
  double* partials;
  unsigned* ticket;
};

template <bool kLoss>
__global__ void __launch_bounds__(kThreads) attraction_kernel(const Arguments arguments) {
  CLIPK_SHARED(double, sums, [32]);
  const int lane = static_cast<int>(threadIdx.x % 32), warp = static_cast<int>(threadIdx.x / 32);
  double loss = 0;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kWarps + warp; i < arguments.y.rows;
       i += static_cast<std::int64_t>(gridDim.x) * kWarps) {
    const float* point = arguments.y.data + i * arguments.y.stride;
    const float x = __ldg(point), y = __ldg(point + 1);
    const std::int64_t end = __ldg(arguments.starts + i + 1);
    float fx = 0.f, fy = 0.f, row_loss = 0.f;
    for (std::int64_t e = __ldg(arguments.starts + i) + lane; e < end; e += 32) {
      const float* other = arguments.others.data +
                           std::int64_t{__ldg(arguments.columns + e)} * arguments.others.stride;
      const float p = __ldg(arguments.values + e);
      const float dx = x - __ldg(other), dy = y - __ldg(other + 1);
      const float squared = fmaf(dx, dx, dy * dy);
      const float weight = p / (1.f + squared);
      fx = fmaf(weight, dx, fx);
      fy = fmaf(weight, dy, fy);
      if constexpr (kLoss) row_loss = fmaf(p, log1pf(squared), row_loss);
    }
    fx = warp_sum(fx);
    fy = warp_sum(fy);
    if constexpr (kLoss) loss += static_cast<double>(row_loss);
    if (lane == 0) {
      arguments.forces.data[i * arguments.forces.stride] = fx;
      arguments.forces.data[i * arguments.forces.stride + 1] = fy;
    }
  }
  if constexpr (kLoss) {
    double total = 0;
    if (grid_sum(loss, sums, arguments.partials, arguments.ticket, total) && threadIdx.x == 0) {
      *arguments.loss = total;
    }
  }
}

}  // namespace

void tsne_attraction(Scratch& scratch, const TsneAffinities& p, MatrixView<const float> y,
                     MatrixView<const float> others, MatrixView<float> forces, double* loss,
                     cudaStream_t stream) {
  // A loss is written even where there are no rows.
  const auto blocks = static_cast<unsigned>(
      std::clamp<std::int64_t>((y.rows + kWarps - 1) / kWarps, loss != nullptr, kMaxBlocks));
  Arguments arguments{p.starts.data, p.columns.data, p.values.data, y,      others,
                      forces,        loss,           nullptr,       nullptr};
  const Launch launch{dim3(blocks), dim3(kThreads), 0, stream};
  if (loss == nullptr) {
    CLIPK_LAUNCH(attraction_kernel<false>, launch, arguments);
    return;
  }
  arguments.partials = scratch.vector<double>(blocks).data;
  arguments.ticket = scratch.vector<unsigned>(1).data;
  check_cuda(cudaMemsetAsync(arguments.ticket, 0, sizeof(unsigned), stream), "zeroing");
  CLIPK_LAUNCH(attraction_kernel<true>, launch, arguments);
}

}  // namespace clipk::gpu
