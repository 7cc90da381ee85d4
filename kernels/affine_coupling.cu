// Affine coupling of rows [n, k]: y = x e^s + t with s = clamp f(a), the sum of s of every row, the
// inverse and the gradients.
//
// Plan    one pass each way. Up to a warp shares a row, 16 bytes a thread where the rows allow it,
//         so that the log-determinant is a sum over lanes in a fixed order. The backward pass
//         computes s again from a: that is cheaper than reading it.
// Floor   forward and inverse 16 n k bytes, backward 28 n k: n k / 1.9e11 s and n k / 1.1e11 s on
//         an H100. About 40 operations an element are a tenth of that.
// Ladder  one variant so far, which computes s again in the backward pass: stored, it would add 4 n
//         k bytes to the forward pass. Next: the coupling in the epilogue of the product that makes
//         a and t, which spares 8 of the 16 n k bytes; cuBLASLt has no such epilogue.

#include "kernels/affine_coupling.hpp"

#include "kernels/detail/row_lanes.cuh"

namespace clipk::gpu {
namespace {

// s, and the slope ds / da. clamp is the options', or 2 / pi of it for atan.
template <CouplingScale kScale>
__device__ __forceinline__ float log_scale(float clamp, float a, float& slope) {
  if constexpr (kScale == CouplingScale::atan) {
    slope = clamp / (1.f + a * a);
    return clamp * atanf(a);
  } else {
    constexpr float kInner = kScale == CouplingScale::sigmoid ? 0.5f : 1.f;
    const float g = tanhf(kInner * a);
    slope = kInner * clamp * (1.f - g * g);
    return clamp * g;
  }
}

template <CouplingScale kScale, int kUnit>
__global__ void __launch_bounds__(kRowThreads)
    coupling_kernel(RowLanes spread, float clamp, MatrixView<const float> x,
                    MatrixView<const float> a, MatrixView<const float> t, MatrixView<float> y,
                    float* log_det) {
  const RowPlace at = row_place(spread);
  float sum = 0.f;
  if (at.row < spread.rows) {
    for (int j = kUnit * at.lane; j < kUnit * spread.units; j += kUnit * spread.lanes) {
      float from[kUnit], scale[kUnit], shift[kUnit];
      load_unit(x.data + at.row * x.stride + j, from);
      load_unit(a.data + at.row * a.stride + j, scale);
      load_unit(t.data + at.row * t.stride + j, shift);
#pragma unroll
      for (int c = 0; c < kUnit; ++c) {
        float slope;
        const float s = log_scale<kScale>(clamp, scale[c], slope);
        sum += s;
        from[c] = from[c] * expf(s) + shift[c];
      }
      store_unit(from, y.data + at.row * y.stride + j);
    }
  }
  sum = row_sum(spread, sum);
  if (log_det != nullptr && at.lane == 0 && at.row < spread.rows) log_det[at.row] += sum;
}

template <CouplingScale kScale, int kUnit>
__global__ void __launch_bounds__(kRowThreads)
    inverse_kernel(RowLanes spread, float clamp, MatrixView<const float> y,
                   MatrixView<const float> a, MatrixView<const float> t, MatrixView<float> x) {
  const RowPlace at = row_place(spread);
  if (at.row >= spread.rows) return;
  for (int j = kUnit * at.lane; j < kUnit * spread.units; j += kUnit * spread.lanes) {
    float from[kUnit], scale[kUnit], shift[kUnit];
    load_unit(y.data + at.row * y.stride + j, from);
    load_unit(a.data + at.row * a.stride + j, scale);
    load_unit(t.data + at.row * t.stride + j, shift);
#pragma unroll
    for (int c = 0; c < kUnit; ++c) {
      float slope;
      from[c] = (from[c] - shift[c]) * expf(-log_scale<kScale>(clamp, scale[c], slope));
    }
    store_unit(from, x.data + at.row * x.stride + j);
  }
}

template <CouplingScale kScale, int kUnit>
__global__ void __launch_bounds__(kRowThreads)
    backward_kernel(RowLanes spread, float clamp, MatrixView<const float> y,
                    MatrixView<const float> a, MatrixView<const float> t,
                    MatrixView<const float> grad_y, const float* __restrict__ grad_log_det,
                    MatrixView<float> grad_x, MatrixView<float> grad_a, MatrixView<float> grad_t) {
  const RowPlace at = row_place(spread);
  if (at.row >= spread.rows) return;
  const float of_log_det = grad_log_det != nullptr ? __ldg(grad_log_det + at.row) : 0.f;
  for (int j = kUnit * at.lane; j < kUnit * spread.units; j += kUnit * spread.lanes) {
    float to[kUnit], scale[kUnit], shift[kUnit], g[kUnit], out[kUnit];
    load_unit(y.data + at.row * y.stride + j, to);
    load_unit(a.data + at.row * a.stride + j, scale);
    load_unit(t.data + at.row * t.stride + j, shift);
    load_unit(grad_y.data + at.row * grad_y.stride + j, g);
#pragma unroll
    for (int c = 0; c < kUnit; ++c) {
      float slope;
      out[c] = g[c] * expf(log_scale<kScale>(clamp, scale[c], slope));
      scale[c] = (g[c] * (to[c] - shift[c]) + of_log_det) * slope;
    }
    store_unit(out, grad_x.data + at.row * grad_x.stride + j);
    store_unit(scale, grad_a.data + at.row * grad_a.stride + j);
    store_unit(g, grad_t.data + at.row * grad_t.stride + j);
  }
}

// Calls launch(scale, unit), both as compile-time constants.
template <class F>
void choose(CouplingScale scale, bool aligned, F&& launch) {
  const auto with_unit = [&]<CouplingScale kScale>() {
    if (aligned) {
      launch.template operator()<kScale, 4>();
    } else {
      launch.template operator()<kScale, 1>();
    }
  };
  switch (scale) {
    case CouplingScale::tanh:
      return with_unit.template operator()<CouplingScale::tanh>();
    case CouplingScale::atan:
      return with_unit.template operator()<CouplingScale::atan>();
    case CouplingScale::sigmoid:
      return with_unit.template operator()<CouplingScale::sigmoid>();
  }
}

float inner_clamp(const AffineCouplingOptions& options) {
  constexpr float kTwoOverPi = 0.63661977f;
  return options.scale == CouplingScale::atan ? kTwoOverPi * options.clamp : options.clamp;
}

}  // namespace

void affine_coupling(MatrixView<const float> x, MatrixView<const float> a,
                     MatrixView<const float> t, const AffineCouplingOptions& options,
                     MatrixView<float> y, VectorView<float> log_det, cudaStream_t stream) {
  choose(options.scale, all_allow_float4(x, a, t, y), [&]<CouplingScale kScale, int kUnit>() {
    const RowLanes spread = row_lanes<kUnit>(x.rows, x.cols);
    CLIPK_LAUNCH((coupling_kernel<kScale, kUnit>), row_launch(spread, stream), spread,
                 inner_clamp(options), x, a, t, y, log_det.data);
  });
}

void affine_coupling_inverse(MatrixView<const float> y, MatrixView<const float> a,
                             MatrixView<const float> t, const AffineCouplingOptions& options,
                             MatrixView<float> x, cudaStream_t stream) {
  choose(options.scale, all_allow_float4(x, a, t, y), [&]<CouplingScale kScale, int kUnit>() {
    const RowLanes spread = row_lanes<kUnit>(y.rows, y.cols);
    CLIPK_LAUNCH((inverse_kernel<kScale, kUnit>), row_launch(spread, stream), spread,
                 inner_clamp(options), y, a, t, x);
  });
}

void affine_coupling_backward(MatrixView<const float> y, MatrixView<const float> a,
                              MatrixView<const float> t, const AffineCouplingOptions& options,
                              MatrixView<const float> grad_y, VectorView<const float> grad_log_det,
                              MatrixView<float> grad_x, MatrixView<float> grad_a,
                              MatrixView<float> grad_t, cudaStream_t stream) {
  const bool aligned = all_allow_float4(y, a, t, grad_y, grad_x, grad_a, grad_t);
  choose(options.scale, aligned, [&]<CouplingScale kScale, int kUnit>() {
    const RowLanes spread = row_lanes<kUnit>(y.rows, y.cols);
    CLIPK_LAUNCH((backward_kernel<kScale, kUnit>), row_launch(spread, stream), spread,
                 inner_clamp(options), y, a, t, grad_y, grad_log_det.data, grad_x, grad_a, grad_t);
  });
}

}  // namespace clipk::gpu
