// Repulsion of t-SNE between all points: forces [n, 2] of points y [n, 2] by others [m, 2], and Z.
//
// Plan    one thread a point; the others pass through shared memory in tiles of 256, each read by
//         all threads at once. Sums of a tile are float32, those of tiles float64. The others are
//         split between enough blocks to fill a GPU; a second kernel adds the splits in their
//         order.
// Floor   11 operations for each two points, one of them a reciprocal (1/8 rate): n m / 3.5e12 s on
//         an H100; 10,000 points in .03 ms. Not yet timed on a GPU.
// Ladder  one variant so far. Next: two points a thread, which halves the reads of shared memory;
//         the floor, one reciprocal for each two points, stays.

#include "kernels/tsne_repulsion.hpp"

#include <algorithm>

#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kBlocks = 800;  // to keep a large GPU busy

struct Arguments {
  MatrixView<const float> y, others;
  bool within;
  std::int64_t tiles_a_split;
  double* partials;  // [splits, 3, n]: force, sum of k
};

__global__ void __launch_bounds__(kThreads) pairs_kernel(const Arguments arguments) {
  CLIPK_SHARED(float2, tile, [kThreads]);
  const std::int64_t n = arguments.y.rows, m = arguments.others.rows;
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const float* point = arguments.y.data + (i < n ? i : 0) * arguments.y.stride;
  const float x = __ldg(point), y = __ldg(point + 1);
  const std::int64_t own = arguments.within ? i : -1;
  const std::int64_t begin = blockIdx.y * arguments.tiles_a_split * kThreads;
  const std::int64_t limit = begin + arguments.tiles_a_split * kThreads;
  const std::int64_t end = limit < m ? limit : m;
  double fx = 0, fy = 0, sum = 0;
  for (std::int64_t first = begin; first < end; first += kThreads) {
    __syncthreads();
    if (first + threadIdx.x < end) {
      const float* other =
          arguments.others.data +
          (first + static_cast<std::int64_t>(threadIdx.x)) * arguments.others.stride;
      tile[threadIdx.x] = {__ldg(other), __ldg(other + 1)};
    }
    __syncthreads();
    const int count = static_cast<int>(end - first < kThreads ? end - first : kThreads);
    const std::int64_t from_first = own - first;
    const int self = own >= first && from_first < kThreads ? static_cast<int>(from_first) : -1;
    float tile_fx = 0.f, tile_fy = 0.f, tile_sum = 0.f;
#pragma unroll 4
    for (int j = 0; j < count; ++j) {
      const float dx = x - tile[j].x, dy = y - tile[j].y;
      const float close = __fdividef(1.f, fmaf(dx, dx, fmaf(dy, dy, 1.f)));
      const float k = j == self ? 0.f : close;
      const float squared = k * k;
      tile_sum += k;
      tile_fx = fmaf(squared, dx, tile_fx);
      tile_fy = fmaf(squared, dy, tile_fy);
    }
    fx += static_cast<double>(tile_fx);
    fy += static_cast<double>(tile_fy);
    sum += static_cast<double>(tile_sum);
  }
  if (i >= n) return;
  double* const out = arguments.partials + static_cast<std::int64_t>(blockIdx.y) * 3 * n + i;
  out[0] = fx;
  out[n] = fy;
  out[2 * n] = sum;
}

struct FinishArguments {
  const double* partials;
  int splits;
  bool within;
  MatrixView<float> forces;
  double* z;
  double* sums;  // one a block
  unsigned* ticket;
};

__global__ void __launch_bounds__(kThreads) finish_kernel(const FinishArguments arguments) {
  CLIPK_SHARED(double, scratch, [32]);
  const std::int64_t n = arguments.forces.rows;
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  double total[3] = {};
  if (i < n) {
    for (int s = 0; s < arguments.splits; ++s) {
      for (int part = 0; part < 3; ++part) {
        total[part] += __ldg(arguments.partials + (std::int64_t{s} * 3 + part) * n + i);
      }
    }
    arguments.forces.data[i * arguments.forces.stride] = static_cast<float>(total[0]);
    arguments.forces.data[i * arguments.forces.stride + 1] = static_cast<float>(total[1]);
    if (!arguments.within) arguments.z[i] = total[2];
  }
  double z = 0;
  if (arguments.within && grid_sum(total[2], scratch, arguments.sums, arguments.ticket, z) &&
      threadIdx.x == 0) {
    *arguments.z = z;
  }
}

}  // namespace

void tsne_repulsion_exact(Scratch& scratch, MatrixView<const float> y,
                          MatrixView<const float> others, bool within, MatrixView<float> forces,
                          double* z, cudaStream_t stream) {
  const unsigned blocks = ceil_div(y.rows, kThreads);
  const std::int64_t tiles = ceil_div(others.rows, kThreads);
  const std::int64_t wish = std::clamp<std::int64_t>(kBlocks / blocks, 1, tiles);
  const std::int64_t tiles_a_split = ceil_div(tiles, wish);
  const unsigned splits = ceil_div(tiles, tiles_a_split);
  double* partials = scratch.vector<double>(3 * y.rows * splits).data;
  CLIPK_LAUNCH(pairs_kernel, (Launch{dim3(blocks, splits), dim3(kThreads), 0, stream}),
               (Arguments{y, others, within, tiles_a_split, partials}));
  unsigned* ticket = scratch.vector<unsigned>(1).data;
  check_cuda(cudaMemsetAsync(ticket, 0, sizeof(unsigned), stream), "zeroing");
  CLIPK_LAUNCH(finish_kernel, (Launch{dim3(blocks), dim3(kThreads), 0, stream}),
               (FinishArguments{partials, static_cast<int>(splits), within, forces, z,
                                scratch.vector<double>(blocks).data, ticket}));
}

}  // namespace clipk::gpu
