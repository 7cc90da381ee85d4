#include "clipk/ops/affine_coupling.hpp"

#include <string>
#include <type_traits>

#include "core/check.hpp"
#include "core/enum_names.hpp"
#include "cpu/affine_coupling.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/affine_coupling.hpp"
#endif

namespace clipk {

const char* to_string(CouplingScale scale) {
  switch (scale) {
    case CouplingScale::tanh:
      return "tanh";
    case CouplingScale::atan:
      return "atan";
    case CouplingScale::sigmoid:
      return "sigmoid";
  }
  return "?";
}

CouplingScale coupling_scale_named(std::string_view name) {
  return named("coupling scale", name,
               {CouplingScale::tanh, CouplingScale::atan, CouplingScale::sigmoid});
}

namespace {

void check_clamp(const char* op, const AffineCouplingOptions& options) {
  if (!(options.clamp > 0 && options.clamp <= 80)) {  // e^80 is still a float
    check::fail(op, "a clamp above 0, at most 80", std::to_string(options.clamp));
  }
}

template <class T>
void forward(Context& context, MatrixView<const T> x, MatrixView<const T> a, MatrixView<const T> t,
             const AffineCouplingOptions& options, MatrixView<T> y, VectorView<T> log_det) {
  constexpr const char* kOp = "affine_coupling";
  check_clamp(kOp, options);
  check::matrix(kOp, "x", context, x, x.rows, x.cols);
  check::matrix(kOp, "a", context, a, x.rows, x.cols);
  check::matrix(kOp, "t", context, t, x.rows, x.cols);
  check::matrix(kOp, "y", context, y, x.rows, x.cols);
  check::optional_vector(kOp, "log_det", context, log_det, x.rows);
  if (x.empty()) return;
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::affine_coupling(x, a, t, options, y, log_det, context.stream());
    }
  }
#endif
  cpu::affine_coupling(context.threads(), x, a, t, options, y, log_det);
}

template <class T>
void inverse(Context& context, MatrixView<const T> y, MatrixView<const T> a, MatrixView<const T> t,
             const AffineCouplingOptions& options, MatrixView<T> x) {
  constexpr const char* kOp = "affine_coupling_inverse";
  check_clamp(kOp, options);
  check::matrix(kOp, "y", context, y, y.rows, y.cols);
  check::matrix(kOp, "a", context, a, y.rows, y.cols);
  check::matrix(kOp, "t", context, t, y.rows, y.cols);
  check::matrix(kOp, "x", context, x, y.rows, y.cols);
  if (y.empty()) return;
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::affine_coupling_inverse(y, a, t, options, x, context.stream());
    }
  }
#endif
  cpu::affine_coupling_inverse(context.threads(), y, a, t, options, x);
}

template <class T>
void backward(Context& context, MatrixView<const T> y, MatrixView<const T> a, MatrixView<const T> t,
              const AffineCouplingOptions& options, MatrixView<const T> grad_y,
              VectorView<const T> grad_log_det, MatrixView<T> grad_x, MatrixView<T> grad_a,
              MatrixView<T> grad_t) {
  constexpr const char* kOp = "affine_coupling_backward";
  check_clamp(kOp, options);
  check::matrix(kOp, "y", context, y, y.rows, y.cols);
  check::matrix(kOp, "a", context, a, y.rows, y.cols);
  check::matrix(kOp, "t", context, t, y.rows, y.cols);
  check::matrix(kOp, "grad_y", context, grad_y, y.rows, y.cols);
  check::optional_vector(kOp, "grad_log_det", context, grad_log_det, y.rows);
  check::matrix(kOp, "grad_x", context, grad_x, y.rows, y.cols);
  check::matrix(kOp, "grad_a", context, grad_a, y.rows, y.cols);
  check::matrix(kOp, "grad_t", context, grad_t, y.rows, y.cols);
  if (y.empty()) return;
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::affine_coupling_backward(y, a, t, options, grad_y, grad_log_det, grad_x, grad_a,
                                           grad_t, context.stream());
    }
  }
#endif
  cpu::affine_coupling_backward(context.threads(), y, a, t, options, grad_y, grad_log_det, grad_x,
                                grad_a, grad_t);
}

}  // namespace

void affine_coupling(Context& context, MatrixView<const float> x, MatrixView<const float> a,
                     MatrixView<const float> t, const AffineCouplingOptions& options,
                     MatrixView<float> y, VectorView<float> log_det) {
  forward(context, x, a, t, options, y, log_det);
}
void affine_coupling(Context& context, MatrixView<const double> x, MatrixView<const double> a,
                     MatrixView<const double> t, const AffineCouplingOptions& options,
                     MatrixView<double> y, VectorView<double> log_det) {
  check::cpu_only("affine_coupling", context);
  forward(context, x, a, t, options, y, log_det);
}

void affine_coupling_inverse(Context& context, MatrixView<const float> y, MatrixView<const float> a,
                             MatrixView<const float> t, const AffineCouplingOptions& options,
                             MatrixView<float> x) {
  inverse(context, y, a, t, options, x);
}
void affine_coupling_inverse(Context& context, MatrixView<const double> y,
                             MatrixView<const double> a, MatrixView<const double> t,
                             const AffineCouplingOptions& options, MatrixView<double> x) {
  check::cpu_only("affine_coupling_inverse", context);
  inverse(context, y, a, t, options, x);
}

void affine_coupling_backward(Context& context, MatrixView<const float> y,
                              MatrixView<const float> a, MatrixView<const float> t,
                              const AffineCouplingOptions& options, MatrixView<const float> grad_y,
                              VectorView<const float> grad_log_det, MatrixView<float> grad_x,
                              MatrixView<float> grad_a, MatrixView<float> grad_t) {
  backward(context, y, a, t, options, grad_y, grad_log_det, grad_x, grad_a, grad_t);
}
void affine_coupling_backward(Context& context, MatrixView<const double> y,
                              MatrixView<const double> a, MatrixView<const double> t,
                              const AffineCouplingOptions& options, MatrixView<const double> grad_y,
                              VectorView<const double> grad_log_det, MatrixView<double> grad_x,
                              MatrixView<double> grad_a, MatrixView<double> grad_t) {
  check::cpu_only("affine_coupling_backward", context);
  backward(context, y, a, t, options, grad_y, grad_log_det, grad_x, grad_a, grad_t);
}

}  // namespace clipk
