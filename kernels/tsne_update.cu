// One step of t-SNE's descent: gradient, gains, velocity and places of n points, and the mean moved
// to 0.
//
// Plan    one thread a point in a grid-stride loop; the mean as one float64 partial a block, which
//         every block of a second kernel adds by the same tree before it subtracts.
// Floor   64 n bytes (5 reads and 3 writes of a point) and 16 n for the mean: n / 3.7e10 s on an
//         H100, below the time of two launches up to 100,000 points.
// Ladder  one variant so far. Next: the mean subtracted by the next step instead of by a launch of
//         its own: 16 n bytes and one launch less.

#include "kernels/tsne_update.hpp"

#include <algorithm>

#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kMaxBlocks = 256;

struct Arguments {
  TsneUpdateOptions options;
  MatrixView<const float> attraction, repulsion;
  const double* z;
  bool one_z;
  MatrixView<float> y, velocity, gains;
  double* partials;  // [2, blocks]
};

__global__ void __launch_bounds__(kThreads) step_kernel(const Arguments arguments) {
  CLIPK_SHARED(double, sums, [32]);
  const TsneUpdateOptions& options = arguments.options;
  double mean[2] = {};
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
       i < arguments.y.rows; i += static_cast<std::int64_t>(gridDim.x) * kThreads) {
    const double norm = __ldg(arguments.z + (arguments.one_z ? 0 : i));
    const float share = norm > 0 ? static_cast<float>(1 / norm) : 0.f;
    const float* pull = arguments.attraction.data + i * arguments.attraction.stride;
    const float* push = arguments.repulsion.data + i * arguments.repulsion.stride;
    float* const velocity = arguments.velocity.data + i * arguments.velocity.stride;
    float* const gains = arguments.gains.data + i * arguments.gains.stride;
    float* const y = arguments.y.data + i * arguments.y.stride;
    float step[2];
#pragma unroll
    for (int c = 0; c < 2; ++c) {
      const float gradient = options.exaggeration * pull[c] - push[c] * share;
      const float moving = velocity[c];
      const bool against = (gradient > 0.f && moving > 0.f) || (gradient < 0.f && moving < 0.f);
      const float gain = fmaxf(against ? gains[c] * 0.8f : gains[c] + 0.2f, 0.01f);
      gains[c] = gain;
      step[c] = options.momentum * moving - options.rate * gain * gradient;
    }
    if (options.max_step > 0.f) {
      const float length = sqrtf(step[0] * step[0] + step[1] * step[1]);
      const float kept = length > options.max_step ? options.max_step / length : 1.f;
      step[0] *= kept;
      step[1] *= kept;
    }
#pragma unroll
    for (int c = 0; c < 2; ++c) {
      velocity[c] = step[c];
      const float place = y[c] + step[c];
      y[c] = place;
      mean[c] += static_cast<double>(place);
    }
  }
#pragma unroll
  for (int c = 0; c < 2; ++c) {
    const double sum = block_sum(mean[c], sums);
    if (threadIdx.x == 0) arguments.partials[c * gridDim.x + blockIdx.x] = sum;
  }
}

// As many blocks as step_kernel had, and no more of them than a block has threads.
__global__ void __launch_bounds__(kThreads)
    recentre_kernel(MatrixView<float> y, const double* __restrict__ partials) {
  CLIPK_SHARED(double, sums, [32]);
  float mean[2];
#pragma unroll
  for (int c = 0; c < 2; ++c) {
    const double part = threadIdx.x < gridDim.x ? partials[c * gridDim.x + threadIdx.x] : 0.0;
    mean[c] = static_cast<float>(block_sum(part, sums) / static_cast<double>(y.rows));
  }
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < y.rows;
       i += static_cast<std::int64_t>(gridDim.x) * kThreads) {
    y.data[i * y.stride] -= mean[0];
    y.data[i * y.stride + 1] -= mean[1];
  }
}

}  // namespace

void tsne_update(Scratch& scratch, const TsneUpdateOptions& options,
                 MatrixView<const float> attraction, MatrixView<const float> repulsion,
                 VectorView<const double> z, MatrixView<float> y, MatrixView<float> velocity,
                 MatrixView<float> gains, cudaStream_t stream) {
  static_assert(kMaxBlocks <= kThreads);
  const auto blocks =
      static_cast<unsigned>(std::min((y.rows + kThreads - 1) / kThreads, kMaxBlocks));
  double* partials = scratch.vector<double>(2 * blocks).data;
  const Arguments arguments{options, attraction, repulsion, z.data,  z.size == 1,
                            y,       velocity,   gains,     partials};
  const Launch launch{dim3(blocks), dim3(kThreads), 0, stream};
  CLIPK_LAUNCH(step_kernel, launch, arguments);
  if (options.recentre) CLIPK_LAUNCH(recentre_kernel, launch, y, partials);
}

}  // namespace clipk::gpu
