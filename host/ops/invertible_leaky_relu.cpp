#include "clipk/ops/invertible_leaky_relu.hpp"

#include <cmath>
#include <string>
#include <type_traits>

#include "core/check.hpp"
#include "cpu/invertible_leaky_relu.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/invertible_leaky_relu.hpp"
#endif

namespace clipk {
namespace {

void check_slope(const char* op, float slope) {
  if (!(slope > 0 && slope < INFINITY)) {
    check::fail(op, "a finite slope above 0", std::to_string(slope));
  }
}

template <class T>
void forward(Context& context, MatrixView<const T> x, float slope, MatrixView<T> y,
             VectorView<T> log_det) {
  constexpr const char* kOp = "invertible_leaky_relu";
  check_slope(kOp, slope);
  check::matrix(kOp, "x", context, x, x.rows, x.cols);
  check::matrix(kOp, "y", context, y, x.rows, x.cols);
  check::optional_vector(kOp, "log_det", context, log_det, x.rows);
  if (x.empty()) return;
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::invertible_leaky_relu(x, slope, y, log_det, context.stream());
    }
  }
#endif
  cpu::invertible_leaky_relu(context.threads(), x, slope, y, log_det);
}

template <class T>
void inverse(Context& context, MatrixView<const T> y, float slope, MatrixView<T> x) {
  constexpr const char* kOp = "invertible_leaky_relu_inverse";
  check_slope(kOp, slope);
  check::matrix(kOp, "y", context, y, y.rows, y.cols);
  check::matrix(kOp, "x", context, x, y.rows, y.cols);
  if (y.empty()) return;
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::invertible_leaky_relu_inverse(y, slope, x, context.stream());
    }
  }
#endif
  cpu::invertible_leaky_relu_inverse(context.threads(), y, slope, x);
}

template <class T>
void backward(Context& context, MatrixView<const T> y, float slope, MatrixView<const T> grad_y,
              MatrixView<T> grad_x) {
  constexpr const char* kOp = "invertible_leaky_relu_backward";
  check_slope(kOp, slope);
  check::matrix(kOp, "y", context, y, y.rows, y.cols);
  check::matrix(kOp, "grad_y", context, grad_y, y.rows, y.cols);
  check::matrix(kOp, "grad_x", context, grad_x, y.rows, y.cols);
  if (y.empty()) return;
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::invertible_leaky_relu_backward(y, slope, grad_y, grad_x, context.stream());
    }
  }
#endif
  cpu::invertible_leaky_relu_backward(context.threads(), y, slope, grad_y, grad_x);
}

}  // namespace

void invertible_leaky_relu(Context& context, MatrixView<const float> x, float slope,
                           MatrixView<float> y, VectorView<float> log_det) {
  forward(context, x, slope, y, log_det);
}
void invertible_leaky_relu(Context& context, MatrixView<const double> x, float slope,
                           MatrixView<double> y, VectorView<double> log_det) {
  check::cpu_only("invertible_leaky_relu", context);
  forward(context, x, slope, y, log_det);
}

void invertible_leaky_relu_inverse(Context& context, MatrixView<const float> y, float slope,
                                   MatrixView<float> x) {
  inverse(context, y, slope, x);
}
void invertible_leaky_relu_inverse(Context& context, MatrixView<const double> y, float slope,
                                   MatrixView<double> x) {
  check::cpu_only("invertible_leaky_relu_inverse", context);
  inverse(context, y, slope, x);
}

void invertible_leaky_relu_backward(Context& context, MatrixView<const float> y, float slope,
                                    MatrixView<const float> grad_y, MatrixView<float> grad_x) {
  backward(context, y, slope, grad_y, grad_x);
}
void invertible_leaky_relu_backward(Context& context, MatrixView<const double> y, float slope,
                                    MatrixView<const double> grad_y, MatrixView<double> grad_x) {
  check::cpu_only("invertible_leaky_relu_backward", context);
  backward(context, y, slope, grad_y, grad_x);
}

}  // namespace clipk
