#include "clipk/ops/normalize_rows.hpp"

#include "core/check.hpp"
#include "cpu/normalize_rows.hpp"

#if CLIPK_HAS_CUDA
#include "kernels/normalize_rows.hpp"
#endif

namespace clipk {
namespace {

template <class T>
void check_forward(const Context& context, MatrixView<const T> x, MatrixView<T> y,
                   VectorView<T> lengths) {
  constexpr const char* kOp = "normalize_rows";
  check::matrix(kOp, "x", context, x, x.rows, x.cols);
  check::matrix(kOp, "y", context, y, x.rows, x.cols);
  check::optional_vector(kOp, "lengths", context, lengths, x.rows);
}

template <class T>
void check_backward(const Context& context, MatrixView<const T> y, VectorView<const T> lengths,
                    MatrixView<const T> grad_y, MatrixView<T> grad_x) {
  constexpr const char* kOp = "normalize_rows_backward";
  check::matrix(kOp, "y", context, y, y.rows, y.cols);
  check::vector(kOp, "lengths", context, lengths, y.rows);
  check::matrix(kOp, "grad_y", context, grad_y, y.rows, y.cols);
  check::matrix(kOp, "grad_x", context, grad_x, y.rows, y.cols);
}

}  // namespace

void normalize_rows(Context& context, MatrixView<const float> x, MatrixView<float> y,
                    VectorView<float> lengths) {
  check_forward(context, x, y, lengths);
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    return gpu::normalize_rows(x, y, lengths, context.stream());
  }
#endif
  cpu::normalize_rows(context.threads(), x, y, lengths);
}

void normalize_rows(Context& context, MatrixView<const double> x, MatrixView<double> y,
                    VectorView<double> lengths) {
  check::cpu_only("normalize_rows", context);
  check_forward(context, x, y, lengths);
  cpu::normalize_rows(context.threads(), x, y, lengths);
}

void normalize_rows_backward(Context& context, MatrixView<const float> y,
                             VectorView<const float> lengths, MatrixView<const float> grad_y,
                             MatrixView<float> grad_x) {
  check_backward(context, y, lengths, grad_y, grad_x);
#if CLIPK_HAS_CUDA
  if (context.device() == Device::cuda) {
    return gpu::normalize_rows_backward(y, lengths, grad_y, grad_x, context.stream());
  }
#endif
  cpu::normalize_rows_backward(context.threads(), y, lengths, grad_y, grad_x);
}

void normalize_rows_backward(Context& context, MatrixView<const double> y,
                             VectorView<const double> lengths, MatrixView<const double> grad_y,
                             MatrixView<double> grad_x) {
  check::cpu_only("normalize_rows_backward", context);
  check_backward(context, y, lengths, grad_y, grad_x);
  cpu::normalize_rows_backward(context.threads(), y, lengths, grad_y, grad_x);
}

}  // namespace clipk
