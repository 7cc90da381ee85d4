#include "clipk/ops/dense.hpp"

#include <string>
#include <type_traits>

#include "clipk/core/memory.hpp"
#include "core/check.hpp"
#include "core/library_handles.hpp"
#include "cpu/dense.hpp"

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
void check_layer(const char* op, const Context& context, BatchView<const T> x,
                 BatchView<const T> weight) {
  if (x.cols < 1) check::fail(op, "x of at least 1 column", "0");
  if (weight.rows < 1) check::fail(op, "weight of at least 1 row", "0");
  check::batch(op, "x", context, x, x.batch, x.rows, x.cols);
  check::batch(op, "weight", context, weight, x.batch, weight.rows, x.cols);
}

// Matrices of an output may lie side by side, as column ranges of one, but not on one another.
template <class T>
void check_output(const char* op, const char* name, const Context& context, BatchView<T> out,
                  std::int64_t batch, std::int64_t rows, std::int64_t cols) {
  check::batch(op, name, context, out, batch, rows, cols);
  if (batch > 1 && rows > 0 && out.batch_stride < cols) {
    check::fail(op, std::string(name) + " with a batch stride of at least " + std::to_string(cols),
                std::to_string(out.batch_stride));
  }
}

template <class T>
void check_optional(const char* op, const char* name, const Context& context, BatchView<T> out,
                    std::int64_t batch, std::int64_t rows, std::int64_t cols) {
  if (out.data != nullptr) check_output(op, name, context, out, batch, rows, cols);
}

// A bias as the row of a batch of one.
template <class T>
MatrixView<T> as_row(VectorView<T> v) {
  return v.data == nullptr ? MatrixView<T>() : MatrixView<T>(v.data, 1, v.size, v.device);
}

template <class T>
void check_bias(const char* op, const char* name, const Context& context, MatrixView<T> bias,
                std::int64_t batch, std::int64_t out) {
  if (batch == 1) {  // as the caller of one layer knows it
    return check::optional_vector(op, name, context,
                                  VectorView<T>(bias.data, bias.cols, bias.device), out);
  }
  check::optional_matrix(op, name, context, bias, batch, out);
}

template <class T>
void dense_forward(Context& context, BatchView<const T> x, BatchView<const T> weight,
                   MatrixView<const T> bias, Activation activation, BatchView<T> y) {
  check_layer("dense", context, x, weight);
  check_bias("dense", "bias", context, bias, x.batch, weight.rows);
  check_output("dense", "y", context, y, x.batch, x.rows, weight.rows);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::dense(gpu::gemm_handle(LibraryHandles::blas(context)), context.precision(), x,
                        weight, bias, activation, y, context.stream());
    }
  }
#endif
  cpu::dense(context.threads(), x, weight, bias, activation, y);
}

#if CLIPK_HAS_CUDA
// cuBLASLt takes no empty sums.
void zero_gradients(Context& context, BatchView<float> grad_weight, MatrixView<float> grad_bias) {
  if (grad_weight.data != nullptr) {
    for (std::int64_t b = 0; b < grad_weight.batch; ++b) fill_zero(context, grad_weight[b]);
  }
  if (!grad_bias.empty()) fill_zero(context, grad_bias);
}
#endif

template <class T>
void backward(Context& context, BatchView<const T> x, BatchView<const T> weight,
              BatchView<const T> y, Activation activation, BatchView<const T> grad_y,
              BatchView<T> grad_x, BatchView<T> grad_weight, MatrixView<T> grad_bias,
              Gradient of_x) {
  constexpr const char* kOp = "dense_backward";
  const std::int64_t batch = x.batch, n = x.rows, in = x.cols, out = weight.rows;
  check_layer(kOp, context, x, weight);
  check::batch(kOp, "y", context, y, batch, n, out);
  check::batch(kOp, "grad_y", context, grad_y, batch, n, out);
  check_optional(kOp, "grad_x", context, grad_x, batch, n, in);
  check_optional(kOp, "grad_weight", context, grad_weight, batch, out, in);
  check_bias(kOp, "grad_bias", context, grad_bias, batch, out);
  Scratch scratch(context);
  BatchView<T> grad_z;
  if (activation != Activation::identity) {
    grad_z = {scratch.vector<T>(batch * n * out).data, batch, n, out, context.device()};
  }
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      if (n == 0 || batch == 0) return zero_gradients(context, grad_weight, grad_bias);
      MatrixView<double> sums;
      if (!grad_bias.empty()) sums = scratch.matrix<double>(batch * gpu::dense_bias_parts(n), out);
      return gpu::dense_backward(gpu::gemm_handle(LibraryHandles::blas(context)),
                                 context.precision(), x, weight, y, activation, grad_y, grad_z,
                                 sums, grad_x, grad_weight, grad_bias, of_x, context.stream());
    }
  }
#endif
  MatrixView<T> parts;
  if (!grad_bias.empty()) {
    parts = scratch.matrix<T>(batch * ((n + cpu::kBiasRows - 1) / cpu::kBiasRows), out);
  }
  cpu::dense_backward(context.threads(), x, weight, y, activation, grad_y, grad_z, parts, grad_x,
                      grad_weight, grad_bias, of_x);
}

// An empty view stays empty.
template <class T>
BatchView<T> as_batch(MatrixView<T> m) {
  return m.data == nullptr ? BatchView<T>() : BatchView<T>(m);
}

template <class T>
void add(Context& context, MatrixView<const T> x, MatrixView<const T> weight, MatrixView<T> y) {
  check_layer("dense_add", context, BatchView<const T>(x), BatchView<const T>(weight));
  check::matrix("dense_add", "y", context, y, x.rows, weight.rows);
#if CLIPK_HAS_CUDA
  if constexpr (std::is_same_v<T, float>) {
    if (context.device() == Device::cuda) {
      return gpu::dense_add(gpu::gemm_handle(LibraryHandles::blas(context)), context.precision(), x,
                            weight, y, context.stream());
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
      return gpu::dense_add_backward(gpu::gemm_handle(LibraryHandles::blas(context)),
                                     context.precision(), weight, grad_y, grad_x, context.stream());
    }
  }
#endif
  cpu::dense_add_backward(context.threads(), weight, grad_y, grad_x);
}

}  // namespace

void dense(Context& context, MatrixView<const float> x, MatrixView<const float> weight,
           VectorView<const float> bias, Activation activation, MatrixView<float> y) {
  dense_forward(context, BatchView<const float>(x), BatchView<const float>(weight), as_row(bias),
                activation, BatchView<float>(y));
}
void dense(Context& context, BatchView<const float> x, BatchView<const float> weight,
           MatrixView<const float> bias, Activation activation, BatchView<float> y) {
  dense_forward(context, x, weight, bias, activation, y);
}
void dense_backward(Context& context, MatrixView<const float> x, MatrixView<const float> weight,
                    MatrixView<const float> y, Activation activation,
                    MatrixView<const float> grad_y, MatrixView<float> grad_x,
                    MatrixView<float> grad_weight, VectorView<float> grad_bias) {
  backward(context, BatchView<const float>(x), BatchView<const float>(weight),
           BatchView<const float>(y), activation, BatchView<const float>(grad_y), as_batch(grad_x),
           as_batch(grad_weight), as_row(grad_bias), Gradient::overwritten);
}
void dense_backward(Context& context, BatchView<const float> x, BatchView<const float> weight,
                    BatchView<const float> y, Activation activation, BatchView<const float> grad_y,
                    BatchView<float> grad_x, BatchView<float> grad_weight,
                    MatrixView<float> grad_bias, Gradient of_x) {
  backward(context, x, weight, y, activation, grad_y, grad_x, grad_weight, grad_bias, of_x);
}

void dense(Context& context, MatrixView<const double> x, MatrixView<const double> weight,
           VectorView<const double> bias, Activation activation, MatrixView<double> y) {
  check::cpu_only("dense", context);
  dense_forward(context, BatchView<const double>(x), BatchView<const double>(weight), as_row(bias),
                activation, BatchView<double>(y));
}
void dense(Context& context, BatchView<const double> x, BatchView<const double> weight,
           MatrixView<const double> bias, Activation activation, BatchView<double> y) {
  check::cpu_only("dense", context);
  dense_forward(context, x, weight, bias, activation, y);
}
void dense_backward(Context& context, MatrixView<const double> x, MatrixView<const double> weight,
                    MatrixView<const double> y, Activation activation,
                    MatrixView<const double> grad_y, MatrixView<double> grad_x,
                    MatrixView<double> grad_weight, VectorView<double> grad_bias) {
  check::cpu_only("dense_backward", context);
  backward(context, BatchView<const double>(x), BatchView<const double>(weight),
           BatchView<const double>(y), activation, BatchView<const double>(grad_y),
           as_batch(grad_x), as_batch(grad_weight), as_row(grad_bias), Gradient::overwritten);
}
void dense_backward(Context& context, BatchView<const double> x, BatchView<const double> weight,
                    BatchView<const double> y, Activation activation,
                    BatchView<const double> grad_y, BatchView<double> grad_x,
                    BatchView<double> grad_weight, MatrixView<double> grad_bias, Gradient of_x) {
  check::cpu_only("dense_backward", context);
  backward(context, x, weight, y, activation, grad_y, grad_x, grad_weight, grad_bias, of_x);
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
