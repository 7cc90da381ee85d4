// Invertible leaky ReLU of rows [n, d]: what is negative is multiplied by a factor; the
// log-determinant counts it.
//
// Plan    one kernel for forward, inverse (the factor is 1 / slope) and backward (the sign is that
//         of another matrix). Up to a warp shares a row, 16 bytes a thread where the rows allow it;
//         the number of negatives is a sum of integers over lanes.
// Floor   8 n d bytes forward and inverse, 12 n d backward: n d / 3.8e11 s and n d / 2.5e11 s on an
//         H100.
// Ladder  one variant so far. It moves each element once, which is the floor. Next: one kernel with
//         the ActNorm before it in a flow's block, 8 instead of 16 n d bytes.

#include "kernels/invertible_leaky_relu.hpp"

#include "core/math/math.hpp"
#include "kernels/detail/row_lanes.cuh"

namespace clipk::gpu {
namespace {

template <int kUnit, bool kSignOfX>
__global__ void __launch_bounds__(kRowThreads)
    scale_negatives_kernel(RowLanes spread, MatrixView<const float> sign, MatrixView<const float> x,
                           float factor, double log_factor, MatrixView<float> out, float* log_det) {
  const RowPlace at = row_place(spread);
  int negatives = 0;
  if (at.row < spread.rows) {
    for (int j = kUnit * at.lane; j < kUnit * spread.units; j += kUnit * spread.lanes) {
      float v[kUnit], by[kUnit];
      load_unit(x.data + at.row * x.stride + j, v);
      if constexpr (!kSignOfX) load_unit(sign.data + at.row * sign.stride + j, by);
#pragma unroll
      for (int c = 0; c < kUnit; ++c) {
        const bool negative = (kSignOfX ? v[c] : by[c]) < 0.f;
        if (negative) v[c] *= factor;
        negatives += negative;
      }
      store_unit(v, out.data + at.row * out.stride + j);
    }
  }
  if (log_det == nullptr) return;  // the same for all threads
  negatives = row_sum(spread, negatives);
  if (at.lane == 0 && at.row < spread.rows) {
    log_det[at.row] += static_cast<float>(negatives * log_factor);
  }
}

template <int kUnit, bool kSignOfX>
void launch(MatrixView<const float> sign, MatrixView<const float> x, double factor,
            MatrixView<float> out, float* log_det, cudaStream_t stream) {
  const RowLanes spread = row_lanes<kUnit>(x.rows, x.cols);
  CLIPK_LAUNCH((scale_negatives_kernel<kUnit, kSignOfX>), row_launch(spread, stream), spread, sign,
               x, static_cast<float>(factor), math::log(factor), out, log_det);
}

template <bool kSignOfX>
void launch(MatrixView<const float> sign, MatrixView<const float> x, double factor,
            MatrixView<float> out, float* log_det, cudaStream_t stream) {
  if (all_allow_float4(sign, x, out)) {
    launch<4, kSignOfX>(sign, x, factor, out, log_det, stream);
  } else {
    launch<1, kSignOfX>(sign, x, factor, out, log_det, stream);
  }
}

}  // namespace

void invertible_leaky_relu(MatrixView<const float> x, float slope, MatrixView<float> y,
                           VectorView<float> log_det, cudaStream_t stream) {
  launch<true>(x, x, slope, y, log_det.data, stream);
}

void invertible_leaky_relu_inverse(MatrixView<const float> y, float slope, MatrixView<float> x,
                                   cudaStream_t stream) {
  launch<true>(y, y, 1 / static_cast<double>(slope), x, nullptr, stream);
}

void invertible_leaky_relu_backward(MatrixView<const float> y, float slope,
                                    MatrixView<const float> grad_y, MatrixView<float> grad_x,
                                    cudaStream_t stream) {
  launch<false>(y, grad_y, slope, grad_x, nullptr, stream);
}

}  // namespace clipk::gpu
