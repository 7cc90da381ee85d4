// Gradient clipping: g [n] scaled so that its norm is at most max_norm.
//
// Plan    two launches. The first adds squares in float64, one partial a block; the last block adds
//         them in block order and writes the factor. The second scales, and reads nothing where
//         the factor is 1.
// Floor   4 n bytes without clipping, 12 n with it: n / 7.5e11 s and n / 2.5e11 s on an H100; the
//         second launch finds the gradient of a model below 10M parameters in L2.
// Ladder  one variant so far. Next: the kernels that write the gradient add its squares, which
//         spares the 4 n bytes of the first launch but ties every backward pass to clipping.

#include <algorithm>

#include "kernels/clip_norm.hpp"
#include "kernels/detail/portable.cuh"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;

__global__ void __launch_bounds__(kThreads)
    norm_kernel(float max_norm, std::int64_t n, const float* __restrict__ gradients,
                ClipScratch* scratch) {
  CLIPK_SHARED(double, sums, [32]);
  double sum = 0;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < n;
       i += step) {
    const double g = gradients[i];
    sum += g * g;
  }
  double total = 0;
  if (grid_sum(sum, sums, scratch->partials, &scratch->ticket, total) && threadIdx.x == 0) {
    const double factor = static_cast<double>(max_norm) / sqrt(total);
    // Neither a gradient with NaN nor one with infinity is scaled.
    scratch->scale = factor < 1 && factor > 0 ? static_cast<float>(factor) : 1.f;
  }
}

__global__ void __launch_bounds__(kThreads)
    scale_kernel(std::int64_t n, float* __restrict__ gradients, const ClipScratch* scratch) {
  const float scale = scratch->scale;
  if (scale == 1.f) return;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < n;
       i += step) {
    gradients[i] *= scale;
  }
}

}  // namespace

void clip_norm(float max_norm, std::int64_t n, float* gradients, ClipScratch* scratch,
               cudaStream_t stream) {
  const auto blocks =
      static_cast<unsigned>(std::min((n + kThreads - 1) / kThreads, kClipMaxBlocks));
  const Launch launch{dim3(blocks), dim3(kThreads), 0, stream};
  CLIPK_LAUNCH(norm_kernel, launch, max_norm, n, gradients, scratch);
  CLIPK_LAUNCH(scale_kernel, launch, n, gradients, scratch);
}

}  // namespace clipk::gpu
