#include "clipk/ops/pairwise_distance.hpp"

#include <string>
#include <type_traits>

#include "core/check.hpp"
#include "core/library_handles.hpp"
#include "cpu/pairwise_distance.hpp"
#include "cpu/pairwise_distance_backward.hpp"
#include "ops/detail/distance_scales.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/pairwise_distance_backward.hpp"
#endif

namespace clipk {
namespace {

constexpr const char* kForward = "pairwise_distance";
constexpr const char* kBackward = "pairwise_distance_backward";

template <class T>
void check_inputs(const char* op, const Context& context, BatchView<const T> x,
                  BatchView<const T> y) {
  check::batch(op, "x", context, x, x.batch, x.rows, x.cols);
  check::batch(op, "y", context, y, x.batch, y.rows, x.cols);
  if (x.cols == 0) check::fail(op, "rows of at least 1 column", "0");
}

#if CLIPK_HAS_CUDA
void cuda_forward(Context& context, BatchView<const float> x, BatchView<const float> y,
                  Metric metric, BatchView<float> out) {
  Scratch scratch(context);
  const CudaOperands sides(context, scratch, metric, x, y);
  gpu::pairwise_distance(metric, context.precision(), x.batch, x.cols, sides.x, sides.y,
                         {out.data, out.stride, out.batch_stride, nullptr}, context.stream());
}
#endif

template <class T>
void forward(Context& context, BatchView<const T> x, BatchView<const T> y, Metric metric,
             BatchView<T> out) {
  check_inputs(kForward, context, x, y);
  check::batch(kForward, "out", context, out, x.batch, x.rows, y.rows);
  if (x.batch == 0 || x.rows == 0 || y.rows == 0) return;
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) return cuda_forward(context, x, y, metric, out);
  }
#endif
  Scratch scratch(context);
  const DistanceScales<T> scales(kForward, context, scratch, metric, x, "x", y, "y");
  cpu::pairwise_distance(context.threads(), x, y, metric, scales.x.data, scales.y.data, out);
}

#if CLIPK_HAS_CUDA
void cuda_backward(Context& context, BatchView<const float> x, BatchView<const float> y,
                   Metric metric, BatchView<const float> grad_out, BatchView<float> grad_x,
                   BatchView<float> grad_y) {
  Scratch scratch(context);
  const CudaOperands sides(context, scratch, metric, x, y);
  const gpu::BackwardPlan plan(x.batch, x.rows, y.rows);
  const gpu::BackwardScratch parts{scratch.vector<float>(plan.coefficients).data,
                                   scratch.vector<std::uint32_t>(plan.near_words).data,
                                   scratch.vector<double>(plan.row_sums).data,
                                   scratch.vector<double>(plan.col_sums).data};
  gpu::pairwise_distance_backward(
      gpu::gemm_handle(LibraryHandles::blas(context)), metric, context.precision(), plan, x.cols,
      sides.x, sides.y, {grad_out.data, grad_out.stride, grad_out.batch_stride}, parts,
      {grad_x.data, grad_x.stride, grad_x.batch_stride},
      {grad_y.data, grad_y.stride, grad_y.batch_stride}, context.stream());
}
#endif

// An output that is not wanted is an empty view.
template <class T>
void check_gradient(const char* name, const Context& context, BatchView<T> gradient,
                    BatchView<const T> rows) {
  if (gradient.data == nullptr) return;
  check::batch(kBackward, name, context, gradient, rows.batch, rows.rows, rows.cols);
}

template <class T>
void zero(Context& context, BatchView<T> gradient) {
  if (gradient.data == nullptr) return;
  for (std::int64_t b = 0; b < gradient.batch; ++b) fill_zero(context, gradient[b]);
}

template <class T>
void cpu_backward(Context& context, BatchView<const T> x, BatchView<const T> y, Metric metric,
                  BatchView<const T> grad_out, BatchView<T> grad_x, BatchView<T> grad_y) {
  using Sizes = cpu::BackwardScratch<T>;
  Scratch scratch(context);
  const DistanceScales<T> scales(kBackward, context, scratch, metric, x, "x", y, "y");
  const std::int64_t b = x.batch, n = x.rows, m = y.rows;
  const Sizes parts{scratch.vector<T>(b * n * m).data,
                    scratch.vector<std::uint32_t>(b * n * Sizes::words(m)).data,
                    scratch.vector<double>(b * n * Sizes::col_tiles(m)).data,
                    scratch.vector<double>(b * Sizes::row_tiles(n) * m).data};
  cpu::pairwise_distance_backward(context.threads(), x, y, metric, scales.x.data, scales.y.data,
                                  grad_out, parts, grad_x, grad_y);
}

template <class T>
void backward(Context& context, BatchView<const T> x, BatchView<const T> y, Metric metric,
              BatchView<const T> grad_out, BatchView<T> grad_x, BatchView<T> grad_y) {
  check_inputs(kBackward, context, x, y);
  check::batch(kBackward, "grad_out", context, grad_out, x.batch, x.rows, y.rows);
  check_gradient("grad_x", context, grad_x, x);
  check_gradient("grad_y", context, grad_y, y);
  if (x.batch == 0 || x.rows == 0 || y.rows == 0) {
    zero(context, grad_x);
    zero(context, grad_y);
    return;
  }
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return cuda_backward(context, x, y, metric, grad_out, grad_x, grad_y);
    }
  }
#endif
  cpu_backward(context, x, y, metric, grad_out, grad_x, grad_y);
}

// A batch of one; an empty view stays empty.
template <class T>
BatchView<T> one(MatrixView<T> m) {
  return m.data == nullptr && m.rows == 0 ? BatchView<T>() : BatchView<T>(m);
}

}  // namespace

void pairwise_distance(Context& context, BatchView<const float> x, BatchView<const float> y,
                       Metric metric, BatchView<float> out) {
  forward(context, x, y, metric, out);
}
void pairwise_distance(Context& context, MatrixView<const float> x, MatrixView<const float> y,
                       Metric metric, MatrixView<float> out) {
  forward(context, BatchView<const float>(x), BatchView<const float>(y), metric,
          BatchView<float>(out));
}
void pairwise_distance(Context& context, MatrixView<const double> x, MatrixView<const double> y,
                       Metric metric, MatrixView<double> out) {
  check::cpu_only(kForward, context);
  forward(context, BatchView<const double>(x), BatchView<const double>(y), metric,
          BatchView<double>(out));
}

void pairwise_distance_backward(Context& context, BatchView<const float> x,
                                BatchView<const float> y, Metric metric,
                                BatchView<const float> grad_out, BatchView<float> grad_x,
                                BatchView<float> grad_y) {
  backward(context, x, y, metric, grad_out, grad_x, grad_y);
}
void pairwise_distance_backward(Context& context, MatrixView<const float> x,
                                MatrixView<const float> y, Metric metric,
                                MatrixView<const float> grad_out, MatrixView<float> grad_x,
                                MatrixView<float> grad_y) {
  backward(context, BatchView<const float>(x), BatchView<const float>(y), metric,
           BatchView<const float>(grad_out), one(grad_x), one(grad_y));
}
void pairwise_distance_backward(Context& context, MatrixView<const double> x,
                                MatrixView<const double> y, Metric metric,
                                MatrixView<const double> grad_out, MatrixView<double> grad_x,
                                MatrixView<double> grad_y) {
  check::cpu_only(kBackward, context);
  backward(context, BatchView<const double>(x), BatchView<const double>(y), metric,
           BatchView<const double>(grad_out), one(grad_x), one(grad_y));
}

}  // namespace clipk
