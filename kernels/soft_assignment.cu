// Soft assignment of points [n, d] to centres [k, d]: q and its column sums; the loss KL(P||Q) with
// its gradients.
//
// Plan    a block takes tiles of 256, 64 or 16 points, fewer for more centres and dimensions, so
//         that a tile's rows stay in L2 and its values [k, tile] in shared memory. Dimensions pass
//         through shared memory 32 at a time, rows of points by 16-byte loads: first for the sums
//         of squared differences (a thread holds one point and four centres), then, unless d <= 32
//         and they are still there, for the gradients. Of the gradient of the points a thread makes
//         the four values whose coordinates it replaces, so that they leave by whole rows; of that
//         of the centres it owns its elements, adds a tile in float32 and the tiles in float64. A
//         second kernel adds the blocks' float64 partials (gradient, column sums, loss) in block
//         order.
// Floor   q: 4 n (d + k) bytes and 3 n k d operations; the loss: 12 n d (+ 4 n k for a stored p)
//         bytes and 11 n k d operations. At 70,000 x 10, k = 10 on an H100: 2 us and 3 us, less
//         than the launches; at 70,000 x 512, k = 10: 50 us and 140 us, of memory.
// Ladder  one variant so far. Next: for k and d of 16 or less, where the floor is a launch, the
//         second kernel's sums by the last block of the first, one launch instead of two; for large
//         k and d, where 3 and 11 n k d operations are the floor, the two loops as tile products on
//         tensor cores.

#include "kernels/soft_assignment.hpp"

#include <algorithm>

#include "kernels/detail/portable.cuh"
#include "kernels/detail/soft_tile.cuh"

namespace clipk::gpu {
namespace {

using namespace soft;

constexpr std::int64_t kMaxBlocks = 264;  // two a multiprocessor of an H100
constexpr std::int64_t kPartialBytes = 64 << 20;

// q, and its sums over the block's tiles.
template <int kPoints, bool kAligned, bool kDot>
__global__ void __launch_bounds__(kThreads, 2) assign_kernel(const SoftArguments a) {
  using T = Tile<kPoints>;
  CLIPK_DYN_SHARED(Chunks<kPoints>, shared);
  Chunks<kPoints>& chunks = *shared;
  float* const values = reinterpret_cast<float*>(shared + 1);  // [k, kStride]
  const int k = static_cast<int>(a.centres.rows);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  for (std::int64_t tile = blockIdx.x; tile < a.tiles; tile += gridDim.x) {
    const std::int64_t first = tile * kPoints;
    const int rows = tile_rows<kPoints>(a, first);
    tile_values<kPoints, kAligned, kDot>(a, first, chunks, values);
    {
      const Point<T::kLanes> point(a, values + threadIdx.x / T::kLanes, T::kStride);
      for (int j = point.lane; j < k; j += T::kLanes) {
        point.values[j * T::kStride] = point.q(j);
      }
    }
    __syncthreads();
    if (a.q.data != nullptr) {
      for (int e = static_cast<int>(threadIdx.x); e < rows * k; e += kThreads) {
        a.q.data[(first + e / k) * a.q.stride + e % k] = values[e % k * T::kStride + e / k];
      }
    }
    if (a.sums == nullptr) continue;
    for (int j = warp; j < k; j += kThreads / 32) {
      double total = 0;
      for (int r = lane; r < rows; r += 32) {
        total += static_cast<double>(values[j * T::kStride + r]);
      }
      total = warp_sum(total);
      double& to = a.sums[static_cast<std::int64_t>(blockIdx.x) * k + j];
      if (lane == 0) to = tile == blockIdx.x ? total : to + total;
    }
  }
}

// The loss and its gradients over the block's tiles.
template <int kPoints, bool kAligned, bool kDot>
__global__ void __launch_bounds__(kThreads, 2) divergence_kernel(const SoftArguments a) {
  using T = Tile<kPoints>;
  CLIPK_SHARED(double, scratch, [32]);
  CLIPK_DYN_SHARED(Chunks<kPoints>, shared);
  Chunks<kPoints>& chunks = *shared;
  float* const values = reinterpret_cast<float*>(shared + 1);  // [k, kStride]
  const int i = static_cast<int>(threadIdx.x) / T::kLanes;
  double loss = 0;
  for (std::int64_t tile = blockIdx.x; tile < a.tiles; tile += gridDim.x) {
    const std::int64_t first = tile * kPoints;
    const int rows = tile_rows<kPoints>(a, first);
    tile_values<kPoints, kAligned, kDot>(a, first, chunks, values);
    Point<T::kLanes> point(a, values + i, T::kStride);
    loss += static_cast<double>(point.template coefficients<kDot>(first + i, i < rows));
    __syncthreads();
    tile_gradients<kPoints, kAligned, kDot>(a, first, rows, tile == blockIdx.x, chunks, values);
  }
  loss = block_sum(loss, scratch);
  if (threadIdx.x == 0) a.losses[blockIdx.x] = loss;
}

struct FinishArguments {
  std::int64_t k, dim;
  int blocks;
  const double* sums;    // or null
  const double* grads;   // or null
  const double* losses;  // or null
  double* column_sums;
  MatrixView<float> grad_centres;
  double share;
  double* loss;
};

// Adds the partials of all blocks, in their order, a thread a number.
__global__ void __launch_bounds__(kThreads) finish_kernel(const FinishArguments a) {
  const std::int64_t index = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const auto total = [&](const double* partials, std::int64_t size, std::int64_t at) {
    double sum = 0;
    for (int b = 0; b < a.blocks; ++b) sum += __ldg(partials + b * size + at);
    return sum;
  };
  const std::int64_t elements = a.k * a.dim;
  if (a.grads != nullptr && index < elements) {
    float& to = a.grad_centres.data[index / a.dim * a.grad_centres.stride + index % a.dim];
    to = static_cast<float>(static_cast<double>(to) + total(a.grads, elements, index));
  }
  if (a.sums != nullptr && index < a.k) a.column_sums[index] = total(a.sums, a.k, index);
  if (a.losses != nullptr && index == 0) *a.loss += a.share * total(a.losses, 1, 0);
}

template <int kPoints, bool kAligned, bool kDot>
void launch(SoftArguments a, unsigned blocks, bool with_loss, cudaStream_t stream) {
  const std::size_t shared = sizeof(Chunks<kPoints>) + static_cast<std::size_t>(a.centres.rows) *
                                                           Tile<kPoints>::kStride * sizeof(float);
  const Launch launch{dim3(blocks), dim3(kThreads), shared, stream};
  if (with_loss) {
    allow_dynamic_shared(divergence_kernel<kPoints, kAligned, kDot>, shared);
    CLIPK_LAUNCH((divergence_kernel<kPoints, kAligned, kDot>), launch, a);
  } else {
    allow_dynamic_shared(assign_kernel<kPoints, kAligned, kDot>, shared);
    CLIPK_LAUNCH((assign_kernel<kPoints, kAligned, kDot>), launch, a);
  }
}

template <int kPoints>
void launch(const SoftArguments& a, unsigned blocks, bool with_loss, cudaStream_t stream) {
  const bool dot = a.alpha == 0;
  if (rows_allow_float4(a.points.data, a.points.stride, a.points.cols) &&
      rows_allow_float4(a.centres.data, a.centres.stride, a.centres.cols)) {
    return dot ? launch<kPoints, true, true>(a, blocks, with_loss, stream)
               : launch<kPoints, true, false>(a, blocks, with_loss, stream);
  }
  dot ? launch<kPoints, false, true>(a, blocks, with_loss, stream)
      : launch<kPoints, false, false>(a, blocks, with_loss, stream);
}

void run(Scratch& scratch, SoftArguments a, const SoftAssignmentOptions& options, bool with_loss,
         FinishArguments finish, cudaStream_t stream) {
  const std::int64_t n = a.points.rows, dim = a.points.cols, k = a.centres.rows;
  const bool student = options.kernel == SoftKernel::student_t;
  a.alpha = student ? options.alpha : 0;
  a.kappa = options.kappa;
  a.factor *= student ? 1 + 1 / options.alpha : options.kappa;
  const int points = k <= 32 && dim <= 64 ? 256 : k <= 256 && dim <= 1024 ? 64 : 16;
  a.tiles = (n + points - 1) / points;
  std::int64_t most = kMaxBlocks;
  if (a.centre_gradients) {
    most = std::clamp<std::int64_t>(
        kPartialBytes / (k * dim * static_cast<std::int64_t>(sizeof(double))), 1, most);
  }
  const std::int64_t blocks = std::min(a.tiles, most);
  if (finish.column_sums != nullptr) finish.sums = a.sums = scratch.vector<double>(blocks * k).data;
  if (a.centre_gradients) finish.grads = a.grads = scratch.vector<double>(blocks * k * dim).data;
  if (with_loss) finish.losses = a.losses = scratch.vector<double>(blocks).data;
  const auto grid = static_cast<unsigned>(blocks);
  if (points == 256) {
    launch<256>(a, grid, with_loss, stream);
  } else if (points == 64) {
    launch<64>(a, grid, with_loss, stream);
  } else {
    launch<16>(a, grid, with_loss, stream);
  }
  finish.k = k;
  finish.dim = dim;
  finish.blocks = static_cast<int>(blocks);
  const std::int64_t numbers = a.centre_gradients ? k * dim : k;
  CLIPK_LAUNCH(finish_kernel,
               (Launch{dim3(ceil_div(numbers, kThreads)), dim3(kThreads), 0, stream}), finish);
}

}  // namespace

void soft_assignment(Scratch& scratch, MatrixView<const float> points,
                     MatrixView<const float> centres, const SoftAssignmentOptions& options,
                     MatrixView<float> q, double* column_sums, cudaStream_t stream) {
  SoftArguments a{};
  a.points = points;
  a.centres = centres;
  a.q = q;
  FinishArguments finish{};
  finish.column_sums = column_sums;
  run(scratch, a, options, false, finish, stream);
}

void soft_assignment_kl(Scratch& scratch, MatrixView<const float> points,
                        MatrixView<const float> centres, const SoftAssignmentOptions& options,
                        MatrixView<const float> p, const double* column_sums, double share,
                        double* loss, MatrixView<float> grad_points, MatrixView<float> grad_centres,
                        cudaStream_t stream) {
  SoftArguments a{};
  a.points = points;
  a.centres = centres;
  a.p = p;
  a.target_sums = column_sums;
  a.factor = static_cast<float>(share);
  a.grad_points = grad_points;
  a.centre_gradients = grad_centres.data != nullptr;
  FinishArguments finish{};
  finish.share = share;
  finish.loss = loss;
  finish.grad_centres = grad_centres;
  run(scratch, a, options, true, finish, stream);
}

}  // namespace clipk::gpu
