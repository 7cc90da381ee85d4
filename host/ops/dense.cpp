#include "clipk/ops/dense.hpp"

#include <type_traits>

#include "clipk/core/memory.hpp"
#include "cpu/dense.hpp"
#include "ops/check.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/dense.hpp"
#endif

namespace clipk {

const char* to_string(Activation activation) {
  switch (activation) {
    case Activation::identity:
      return "identity";
    case Activation::relu:
      return "relu";
    case Activation::leaky_relu:
      return "leaky_relu";
    case Activation::tanh:
      return "tanh";
    case Activation::sigmoid:
      return "sigmoid";
  }
  return "?";
}

namespace {

template <class T>
void check_layer(const char* op, const Context& context, MatrixView<const T> x,
                 MatrixView<const T> weight, std::int64_t outputs) {
  if (x.cols < 1) check::fail(op, "x of at least 1 column", "0");
  if (outputs < 1) check::fail(op, "weight of at least 1 row", "0");
  check::matrix(op, "x", context, x, x.rows, x.cols);
  check::matrix(op, "weight", context, weight, outputs, x.cols);
}

template <class T>
void dense_forward(Context& context, MatrixView<const T> x, MatrixView<const T> weight,
                   VectorView<const T> bias, Activation activation, MatrixView<T> y) {
  check_layer("dense", context, x, weight, weight.rows);
  check::optional_vector("dense", "bias", context, bias, weight.rows);
  check::matrix("dense", "y", context, y, x.rows, weight.rows);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::dense(gpu::gemm_handle(context.blas()), context.precision(), x, weight, bias,
                        activation, y, context.stream());
    }
  }
#endif
  cpu::dense(context.threads(), x, weight, bias, activation, y);
}

template <class T>
void backward(Context& context, MatrixView<const T> x, MatrixView<const T> weight,
              MatrixView<const T> y, Activation activation, MatrixView<const T> grad_y,
              MatrixView<T> grad_x, MatrixView<T> grad_weight, VectorView<T> grad_bias) {
  constexpr const char* kOp = "dense_backward";
  check_layer(kOp, context, x, weight, weight.rows);
  check::matrix(kOp, "y", context, y, x.rows, weight.rows);
  check::matrix(kOp, "grad_y", context, grad_y, x.rows, weight.rows);
  check::optional_matrix(kOp, "grad_x", context, grad_x, x.rows, x.cols);
  check::optional_matrix(kOp, "grad_weight", context, grad_weight, weight.rows, x.cols);
  check::optional_vector(kOp, "grad_bias", context, grad_bias, weight.rows);
  Scratch scratch(context);
  MatrixView<T> grad_z, parts;
  if (activation != Activation::identity) grad_z = scratch.matrix<T>(x.rows, weight.rows);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      if (x.rows == 0) {  // cuBLASLt takes no empty sums
        if (!grad_weight.empty()) fill_zero(context, grad_weight);
        if (!grad_bias.empty()) fill_zero(context, grad_bias);
        return;
      }
      MatrixView<double> sums;
      if (!grad_bias.empty()) {
        sums = scratch.matrix<double>(gpu::dense_bias_parts(x.rows), weight.rows);
      }
      return gpu::dense_backward(gpu::gemm_handle(context.blas()), context.precision(), x, weight,
                                 y, activation, grad_y, grad_z, sums, grad_x, grad_weight,
                                 grad_bias, context.stream());
    }
  }
#endif
  if (!grad_bias.empty()) {
    parts = scratch.matrix<T>((x.rows + cpu::kBiasRows - 1) / cpu::kBiasRows, weight.rows);
  }
  cpu::dense_backward(context.threads(), x, weight, y, activation, grad_y, grad_z, parts, grad_x,
                      grad_weight, grad_bias);
}

template <class T>
void add(Context& context, MatrixView<const T> x, MatrixView<const T> weight, MatrixView<T> y) {
  check_layer("dense_add", context, x, weight, weight.rows);
  check::matrix("dense_add", "y", context, y, x.rows, weight.rows);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::dense_add(gpu::gemm_handle(context.blas()), context.precision(), x, weight, y,
                            context.stream());
    }
  }
#endif
  cpu::dense_add(context.threads(), x, weight, y);
}

template <class T>
void add_backward(Context& context, MatrixView<const T> weight, MatrixView<const T> grad_y,
                  MatrixView<T> grad_x) {
  constexpr const char* kOp = "dense_add_backward";
  check::matrix(kOp, "weight", context, weight, weight.rows, weight.cols);
  check::matrix(kOp, "grad_y", context, grad_y, grad_y.rows, weight.rows);
  check::matrix(kOp, "grad_x", context, grad_x, grad_y.rows, weight.cols);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::dense_add_backward(gpu::gemm_handle(context.blas()), context.precision(), weight,
                                     grad_y, grad_x, context.stream());
    }
  }
#endif
  cpu::dense_add_backward(context.threads(), weight, grad_y, grad_x);
}

}  // namespace

void dense(Context& context, MatrixView<const float> x, MatrixView<const float> weight,
           VectorView<const float> bias, Activation activation, MatrixView<float> y) {
  dense_forward(context, x, weight, bias, activation, y);
}
void dense(Context& context, MatrixView<const double> x, MatrixView<const double> weight,
           VectorView<const double> bias, Activation activation, MatrixView<double> y) {
  check::cpu_only("dense", context);
  dense_forward(context, x, weight, bias, activation, y);
}

void dense_backward(Context& context, MatrixView<const float> x, MatrixView<const float> weight,
                    MatrixView<const float> y, Activation activation,
                    MatrixView<const float> grad_y, MatrixView<float> grad_x,
                    MatrixView<float> grad_weight, VectorView<float> grad_bias) {
  backward(context, x, weight, y, activation, grad_y, grad_x, grad_weight, grad_bias);
}
void dense_backward(Context& context, MatrixView<const double> x, MatrixView<const double> weight,
                    MatrixView<const double> y, Activation activation,
                    MatrixView<const double> grad_y, MatrixView<double> grad_x,
                    MatrixView<double> grad_weight, VectorView<double> grad_bias) {
  check::cpu_only("dense_backward", context);
  backward(context, x, weight, y, activation, grad_y, grad_x, grad_weight, grad_bias);
}

void dense_add(Context& context, MatrixView<const float> x, MatrixView<const float> weight,
               MatrixView<float> y) {
  add(context, x, weight, y);
}
void dense_add(Context& context, MatrixView<const double> x, MatrixView<const double> weight,
               MatrixView<double> y) {
  check::cpu_only("dense_add", context);
  add(context, x, weight, y);
}

void dense_add_backward(Context& context, MatrixView<const float> weight,
                        MatrixView<const float> grad_y, MatrixView<float> grad_x) {
  add_backward(context, weight, grad_y, grad_x);
}
void dense_add_backward(Context& context, MatrixView<const double> weight,
                        MatrixView<const double> grad_y, MatrixView<double> grad_x) {
  check::cpu_only("dense_add_backward", context);
  add_backward(context, weight, grad_y, grad_x);
}

}  // namespace clipk
