// Mean squared error of y [n, d] to a target, and its gradient.
//
// Plan    one pass in a grid-stride loop over groups of 4 columns (16 bytes a thread where all rows
//         are aligned); squares are added in float64, one partial a block, in block order by the
//         last block.
// Floor   16 n d bytes (3 reads, 1 write), 8 without the gradient: n d / 1.9e11 s on an H100.
// Ladder  one variant so far. It moves each array once, which is the floor. Next: a form that
//         writes the gradient instead of adding to it, 12 instead of 16 n d bytes; a batch of 256 x
//         64 takes what a launch takes.

#include <algorithm>

#include "kernels/detail/portable.cuh"
#include "kernels/mse_loss.hpp"

namespace clipk::gpu {
namespace {

constexpr int kThreads = 256;

// kKnownOnly: a target that is NaN adds nothing.
template <bool kAligned, bool kKnownOnly>
__global__ void __launch_bounds__(kThreads)
    mse_kernel(std::int64_t rows, int cols, const float* __restrict__ y, std::int64_t y_stride,
               const float* __restrict__ target, std::int64_t target_stride, double share,
               double* __restrict__ loss, float* __restrict__ grad, std::int64_t grad_stride,
               MseScratch* scratch) {
  CLIPK_SHARED(double, sums, [32]);
  const float factor = static_cast<float>(2 * share);
  const std::int64_t groups = (cols + 3) / 4;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * kThreads;
  double sum = 0;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
       i < rows * groups; i += step) {
    const std::int64_t row = i / groups;
    const int column = static_cast<int>(i % groups) * 4;
    const float4 a = load_row4<kAligned>(y + row * y_stride, column, cols);
    const float4 b = load_row4<kAligned>(target + row * target_stride, column, cols);
    float difference[4] = {a.x - b.x, a.y - b.y, a.z - b.z, a.w - b.w};
    if constexpr (kKnownOnly) {
      if (b.x != b.x) difference[0] = 0.f;
      if (b.y != b.y) difference[1] = 0.f;
      if (b.z != b.z) difference[2] = 0.f;
      if (b.w != b.w) difference[3] = 0.f;
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) sum += static_cast<double>(difference[j]) * difference[j];
    if (grad == nullptr) continue;
    float* const g = grad + row * grad_stride + column;
    if constexpr (kAligned) {
      float4 g4 = *reinterpret_cast<float4*>(g);
      g4.x += factor * difference[0];
      g4.y += factor * difference[1];
      g4.z += factor * difference[2];
      g4.w += factor * difference[3];
      *reinterpret_cast<float4*>(g) = g4;
    } else {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        if (column + j < cols) g[j] += factor * difference[j];
      }
    }
  }
  double total = 0;
  if (grid_sum(sum, sums, scratch->partials, &scratch->ticket, total) && threadIdx.x == 0) {
    *loss += share * total;
  }
}

}  // namespace

void mse_loss(bool known_only, MatrixView<const float> y, MatrixView<const float> target,
              float weight, double* loss, MatrixView<float> grad, MseScratch* scratch,
              cudaStream_t stream) {
  const double share = static_cast<double>(weight) / static_cast<double>(y.rows * y.cols);
  const std::int64_t groups = y.rows * ((y.cols + 3) / 4);
  const auto blocks =
      static_cast<unsigned>(std::min((groups + kThreads - 1) / kThreads, kMseMaxBlocks));
  const Launch launch{dim3(blocks), dim3(kThreads), 0, stream};
  const bool aligned = rows_allow_float4(y.data, y.stride, y.cols) &&
                       rows_allow_float4(target.data, target.stride, y.cols) &&
                       (grad.data == nullptr || rows_allow_float4(grad.data, grad.stride, y.cols));
  const auto mse = known_only ? (aligned ? mse_kernel<true, true> : mse_kernel<false, true>)
                              : (aligned ? mse_kernel<true, false> : mse_kernel<false, false>);
  CLIPK_LAUNCH(mse, launch, y.rows, static_cast<int>(y.cols), y.data, y.stride, target.data,
               target.stride, share, loss, grad.data, grad.stride, scratch);
}

}  // namespace clipk::gpu
