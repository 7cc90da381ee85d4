#include "clipk/ops/act_norm.hpp"

#include <type_traits>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "cpu/act_norm.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/act_norm.hpp"
#endif

namespace clipk {
namespace {

template <class T>
void init(Context& context, MatrixView<const T> x, VectorView<T> shift, VectorView<T> log_scale) {
  constexpr const char* kOp = "act_norm_init";
  if (x.rows < 1) check::fail(kOp, "x of at least 1 row", "0");
  check::matrix(kOp, "x", context, x, x.rows, x.cols);
  check::vector(kOp, "shift", context, shift, x.cols);
  check::vector(kOp, "log_scale", context, log_scale, x.cols);
  if (x.empty()) return;
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::act_norm_init(x, shift.data, log_scale.data, context.stream());
    }
  }
#endif
  cpu::act_norm_init(context.threads(), x, shift, log_scale);
}

template <class T>
void forward(Context& context, MatrixView<const T> x, VectorView<const T> shift,
             VectorView<const T> log_scale, MatrixView<T> y, VectorView<T> log_det) {
  constexpr const char* kOp = "act_norm";
  check::matrix(kOp, "x", context, x, x.rows, x.cols);
  check::vector(kOp, "shift", context, shift, x.cols);
  check::vector(kOp, "log_scale", context, log_scale, x.cols);
  check::matrix(kOp, "y", context, y, x.rows, x.cols);
  check::optional_vector(kOp, "log_det", context, log_det, x.rows);
  if (x.empty()) return;
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::act_norm(x, shift.data, log_scale.data, y, log_det.data, context.stream());
    }
  }
#endif
  Scratch scratch(context);
  cpu::act_norm(context.threads(), x, shift, log_scale, scratch.vector<T>(x.cols), y, log_det);
}

template <class T>
void inverse(Context& context, MatrixView<const T> y, VectorView<const T> shift,
             VectorView<const T> log_scale, MatrixView<T> x) {
  constexpr const char* kOp = "act_norm_inverse";
  check::matrix(kOp, "y", context, y, y.rows, y.cols);
  check::vector(kOp, "shift", context, shift, y.cols);
  check::vector(kOp, "log_scale", context, log_scale, y.cols);
  check::matrix(kOp, "x", context, x, y.rows, y.cols);
  if (y.empty()) return;
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::act_norm_inverse(y, shift.data, log_scale.data, x, context.stream());
    }
  }
#endif
  Scratch scratch(context);
  cpu::act_norm_inverse(context.threads(), y, shift, log_scale, scratch.vector<T>(y.cols), x);
}

template <class T>
void backward(Context& context, MatrixView<const T> y, VectorView<const T> log_scale,
              MatrixView<const T> grad_y, VectorView<const T> grad_log_det, MatrixView<T> grad_x,
              VectorView<T> grad_shift, VectorView<T> grad_log_scale) {
  constexpr const char* kOp = "act_norm_backward";
  check::matrix(kOp, "y", context, y, y.rows, y.cols);
  check::vector(kOp, "log_scale", context, log_scale, y.cols);
  check::matrix(kOp, "grad_y", context, grad_y, y.rows, y.cols);
  check::optional_vector(kOp, "grad_log_det", context, grad_log_det, y.rows);
  check::matrix(kOp, "grad_x", context, grad_x, y.rows, y.cols);
  check::vector(kOp, "grad_shift", context, grad_shift, y.cols);
  check::vector(kOp, "grad_log_scale", context, grad_log_scale, y.cols);
  if (y.empty()) {
    fill_zero(context, grad_shift);
    fill_zero(context, grad_log_scale);
    return;
  }
  Scratch scratch(context);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      const MatrixView<double> parts =
          scratch.matrix<double>(gpu::act_norm_parts(y.rows), 2 * y.cols);
      return gpu::act_norm_backward(y, log_scale.data, grad_y, grad_log_det.data, parts, grad_x,
                                    grad_shift.data, grad_log_scale.data, context.stream());
    }
  }
#endif
  cpu::act_norm_backward(context.threads(), y, log_scale, grad_y, grad_log_det,
                         scratch.vector<T>(y.cols),
                         scratch.matrix<double>(cpu::act_norm_parts(y.rows, y.cols), 2 * y.cols),
                         grad_x, grad_shift, grad_log_scale);
}

}  // namespace

void act_norm_init(Context& context, MatrixView<const float> x, VectorView<float> shift,
                   VectorView<float> log_scale) {
  init(context, x, shift, log_scale);
}
void act_norm_init(Context& context, MatrixView<const double> x, VectorView<double> shift,
                   VectorView<double> log_scale) {
  check::cpu_only("act_norm_init", context);
  init(context, x, shift, log_scale);
}

void act_norm(Context& context, MatrixView<const float> x, VectorView<const float> shift,
              VectorView<const float> log_scale, MatrixView<float> y, VectorView<float> log_det) {
  forward(context, x, shift, log_scale, y, log_det);
}
void act_norm(Context& context, MatrixView<const double> x, VectorView<const double> shift,
              VectorView<const double> log_scale, MatrixView<double> y,
              VectorView<double> log_det) {
  check::cpu_only("act_norm", context);
  forward(context, x, shift, log_scale, y, log_det);
}

void act_norm_inverse(Context& context, MatrixView<const float> y, VectorView<const float> shift,
                      VectorView<const float> log_scale, MatrixView<float> x) {
  inverse(context, y, shift, log_scale, x);
}
void act_norm_inverse(Context& context, MatrixView<const double> y, VectorView<const double> shift,
                      VectorView<const double> log_scale, MatrixView<double> x) {
  check::cpu_only("act_norm_inverse", context);
  inverse(context, y, shift, log_scale, x);
}

void act_norm_backward(Context& context, MatrixView<const float> y,
                       VectorView<const float> log_scale, MatrixView<const float> grad_y,
                       VectorView<const float> grad_log_det, MatrixView<float> grad_x,
                       VectorView<float> grad_shift, VectorView<float> grad_log_scale) {
  backward(context, y, log_scale, grad_y, grad_log_det, grad_x, grad_shift, grad_log_scale);
}
void act_norm_backward(Context& context, MatrixView<const double> y,
                       VectorView<const double> log_scale, MatrixView<const double> grad_y,
                       VectorView<const double> grad_log_det, MatrixView<double> grad_x,
                       VectorView<double> grad_shift, VectorView<double> grad_log_scale) {
  check::cpu_only("act_norm_backward", context);
  backward(context, y, log_scale, grad_y, grad_log_det, grad_x, grad_shift, grad_log_scale);
}

}  // namespace clipk
