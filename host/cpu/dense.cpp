#include "cpu/dense.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/dense.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>
// after highway.h
#include <hwy/contrib/math/math-inl.h>

#include "core/parallel.hpp"
#include "core/row_lanes-inl.hpp"
#include "linalg/gemm.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <Activation kActivation, class D, class V>
HWY_INLINE V activate(D d, V x) {
  if constexpr (kActivation == Activation::relu) {
    return hn::IfThenZeroElse(hn::Lt(x, hn::Zero(d)), x);  // NaN stays NaN
  } else if constexpr (kActivation == Activation::leaky_relu) {
    const auto slope = hn::Set(d, static_cast<hn::TFromD<D>>(0.01));
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Mul(slope, x), x);
  } else if constexpr (kActivation == Activation::tanh) {
    return hn::Tanh(d, x);
  } else if constexpr (kActivation == Activation::sigmoid) {
    // exp of a number of at most 0 cannot overflow.
    const auto e = hn::Exp(d, hn::Neg(hn::Abs(x)));
    const auto s = hn::Div(hn::Set(d, 1), hn::Add(hn::Set(d, 1), e));
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Mul(e, s), s);
  } else {
    return x;
  }
}

// The gradient through the activation, from the activation's value y.
template <Activation kActivation, class D, class V>
HWY_INLINE V through_activation(D d, V y, V grad) {
  if constexpr (kActivation == Activation::relu) {
    return hn::IfThenZeroElse(hn::Le(y, hn::Zero(d)), grad);
  } else if constexpr (kActivation == Activation::leaky_relu) {
    const auto slope = hn::Set(d, static_cast<hn::TFromD<D>>(0.01));
    return hn::IfThenElse(hn::Le(y, hn::Zero(d)), hn::Mul(slope, grad), grad);
  } else if constexpr (kActivation == Activation::tanh) {
    return hn::Mul(grad, hn::NegMulAdd(y, y, hn::Set(d, 1)));
  } else if constexpr (kActivation == Activation::sigmoid) {
    return hn::Mul(grad, hn::NegMulAdd(y, y, y));
  } else {
    return grad;
  }
}

template <Activation kActivation, class T>
void finish_rows(const T* bias, MatrixView<T> y) {
  for (std::int64_t i = 0; i < y.rows; ++i) {
    T* row = y.row(i);
    for_row<T>(y.cols, [&](auto place, std::int64_t j) HWY_ATTR {
      auto z = place.load(row + j);
      if (bias != nullptr) z = hn::Add(z, place.load(bias + j));
      place.store(activate<kActivation>(hn::ScalableTag<T>(), z), row + j);
    });
  }
}

// grad_z = grad_y through the activation, and the column sums of these rows.
template <Activation kActivation, class T>
void gradient_rows(MatrixView<const T> y, MatrixView<const T> grad_y, MatrixView<T> grad_z,
                   T* sums) {
  if (sums != nullptr) std::fill_n(sums, y.cols, T{0});
  for (std::int64_t i = 0; i < y.rows; ++i) {
    for_row<T>(y.cols, [&](auto place, std::int64_t j) HWY_ATTR {
      auto g = place.load(grad_y.row(i) + j);
      if constexpr (kActivation != Activation::identity) {
        g = through_activation<kActivation>(hn::ScalableTag<T>(), place.load(y.row(i) + j), g);
        place.store(g, grad_z.row(i) + j);
      }
      if (sums != nullptr) place.store(hn::Add(place.load(sums + j), g), sums + j);
    });
  }
}

template <class T>
void finish(Activation activation, const T* bias, MatrixView<T> y) {
  switch (activation) {
    case Activation::identity:
      if (bias != nullptr) finish_rows<Activation::identity>(bias, y);
      return;
    case Activation::relu:
      return finish_rows<Activation::relu>(bias, y);
    case Activation::leaky_relu:
      return finish_rows<Activation::leaky_relu>(bias, y);
    case Activation::tanh:
      return finish_rows<Activation::tanh>(bias, y);
    case Activation::sigmoid:
      return finish_rows<Activation::sigmoid>(bias, y);
  }
}

template <class T>
void gradient(Activation activation, MatrixView<const T> y, MatrixView<const T> grad_y,
              MatrixView<T> grad_z, T* sums) {
  switch (activation) {
    case Activation::identity:
      return gradient_rows<Activation::identity>(y, grad_y, grad_z, sums);
    case Activation::relu:
      return gradient_rows<Activation::relu>(y, grad_y, grad_z, sums);
    case Activation::leaky_relu:
      return gradient_rows<Activation::leaky_relu>(y, grad_y, grad_z, sums);
    case Activation::tanh:
      return gradient_rows<Activation::tanh>(y, grad_y, grad_z, sums);
    case Activation::sigmoid:
      return gradient_rows<Activation::sigmoid>(y, grad_y, grad_z, sums);
  }
}

void finish_float(Activation activation, const float* bias, MatrixView<float> y) {
  finish(activation, bias, y);
}
void finish_double(Activation activation, const double* bias, MatrixView<double> y) {
  finish(activation, bias, y);
}
void gradient_float(Activation activation, MatrixView<const float> y,
                    MatrixView<const float> grad_y, MatrixView<float> grad_z, float* sums) {
  gradient(activation, y, grad_y, grad_z, sums);
}
void gradient_double(Activation activation, MatrixView<const double> y,
                     MatrixView<const double> grad_y, MatrixView<double> grad_z, double* sums) {
  gradient(activation, y, grad_y, grad_z, sums);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(finish_float);
HWY_EXPORT(finish_double);
HWY_EXPORT(gradient_float);
HWY_EXPORT(gradient_double);

namespace {

void finish_rows(Activation activation, const float* bias, MatrixView<float> y) {
  HWY_DYNAMIC_DISPATCH(finish_float)(activation, bias, y);
}
void finish_rows(Activation activation, const double* bias, MatrixView<double> y) {
  HWY_DYNAMIC_DISPATCH(finish_double)(activation, bias, y);
}
void gradient_rows(Activation activation, MatrixView<const float> y, MatrixView<const float> grad_y,
                   MatrixView<float> grad_z, float* sums) {
  HWY_DYNAMIC_DISPATCH(gradient_float)(activation, y, grad_y, grad_z, sums);
}
void gradient_rows(Activation activation, MatrixView<const double> y,
                   MatrixView<const double> grad_y, MatrixView<double> grad_z, double* sums) {
  HWY_DYNAMIC_DISPATCH(gradient_double)(activation, y, grad_y, grad_z, sums);
}

// Products below so many multiply-adds take less time than waking a second thread.
constexpr std::int64_t kSerialWork = 1 << 19;

template <class T>
void sum_parts(MatrixView<const T> parts, T* out) {
  for (std::int64_t j = 0; j < parts.cols; ++j) {
    double sum = 0;
    for (std::int64_t i = 0; i < parts.rows; ++i) sum += parts(i, j);
    out[j] = static_cast<T>(sum);
  }
}

template <class T>
bool wanted(BatchView<T> view) {
  return view.batch > 0 && view.rows > 0 && view.cols > 0;
}

}  // namespace

template <class T>
void dense(int threads, BatchView<const T> x, BatchView<const T> weight, MatrixView<const T> bias,
           Activation activation, BatchView<T> y) {
  const GemmGrid grid = gemm_grid(threads, y.rows, y.cols, x.cols);
  parallel_for(threads, y.batch * grid.tiles(), [&](std::int64_t task) {
    const std::int64_t b = task / grid.tiles();
    const GemmTile t = grid.tile(task % grid.tiles());
    const MatrixView<T> tile = y[b].row_range(t.row, t.rows).col_range(t.col, t.cols);
    const T* const bias_of_tile = bias.empty() ? nullptr : bias.row(b) + t.col;
    const auto finish = [&](const GemmTile& done) {
      finish_rows(activation, bias_of_tile == nullptr ? nullptr : bias_of_tile + done.col,
                  tile.row_range(done.row, done.rows).col_range(done.col, done.cols));
    };
    gemm_serial(Transpose::no, Transpose::yes, t.rows, t.cols, x.cols, T{1}, x[b].row(t.row),
                x.stride, weight[b].row(t.col), weight.stride, T{0}, tile.data, tile.stride,
                GemmEpilogue(finish));
  });
}

template <class T>
void dense_backward(int threads, BatchView<const T> x, BatchView<const T> weight,
                    BatchView<const T> y, Activation activation, BatchView<const T> grad_y,
                    BatchView<T> grad_z, MatrixView<T> bias_parts, BatchView<T> grad_x,
                    BatchView<T> grad_weight, MatrixView<T> grad_bias, Gradient of_x) {
  const std::int64_t n = grad_y.rows;
  const std::int64_t in = x.cols;
  const std::int64_t out = grad_y.cols;
  const std::int64_t batch = grad_y.batch;
  const bool with_bias = !grad_bias.empty();
  if (batch * n * in * out < kSerialWork) threads = 1;
  BatchView<const T> g = grad_y;
  const std::int64_t parts = (n + kBiasRows - 1) / kBiasRows;
  if (with_bias || activation != Activation::identity) {
    parallel_for(threads, batch * parts, [&](std::int64_t task) {
      const std::int64_t b = task / parts;
      const std::int64_t first = task % parts * kBiasRows;
      const std::int64_t count = std::min(kBiasRows, n - first);
      const MatrixView<T> z =
          activation == Activation::identity ? MatrixView<T>() : grad_z[b].row_range(first, count);
      gradient_rows(activation, y[b].row_range(first, count), grad_y[b].row_range(first, count), z,
                    with_bias ? bias_parts.row(task) : nullptr);
    });
    if (activation != Activation::identity) g = grad_z;
  }

  // The tiles of both products of all batches and the sums of the bias parts share the threads.
  const GemmGrid x_grid = wanted(grad_x) ? gemm_grid(threads, n, in, out) : GemmGrid{};
  const GemmGrid w_grid = wanted(grad_weight) ? gemm_grid(threads, out, in, n) : GemmGrid{};
  const std::int64_t w_tasks = batch * w_grid.tiles();
  const std::int64_t products = w_tasks + batch * x_grid.tiles();
  parallel_for(threads, products + (with_bias ? 1 : 0), [&](std::int64_t task) {
    if (task == products) {
      for (std::int64_t b = 0; b < batch; ++b) {
        sum_parts<T>(bias_parts.row_range(b * parts, parts), grad_bias.row(b));
      }
    } else if (task < w_tasks) {
      const std::int64_t b = task / w_grid.tiles();
      const GemmTile t = w_grid.tile(task % w_grid.tiles());
      gemm_serial(Transpose::yes, Transpose::no, t.rows, t.cols, n, T{1}, g[b].data + t.row,
                  g.stride, x[b].data + t.col, x.stride, T{0}, grad_weight[b].row(t.row) + t.col,
                  grad_weight.stride);
    } else {
      const std::int64_t b = (task - w_tasks) / x_grid.tiles();
      const GemmTile t = x_grid.tile((task - w_tasks) % x_grid.tiles());
      gemm_serial(Transpose::no, Transpose::no, t.rows, t.cols, out, T{1}, g[b].row(t.row),
                  g.stride, weight[b].data + t.col, weight.stride,
                  of_x == Gradient::added ? T{1} : T{0}, grad_x[b].row(t.row) + t.col,
                  grad_x.stride);
    }
  });
}

template <class T>
void dense_add(int threads, MatrixView<const T> x, MatrixView<const T> weight, MatrixView<T> y) {
  gemm(threads, Transpose::no, Transpose::yes, y.rows, y.cols, x.cols, T{1}, x.data, x.stride,
       weight.data, weight.stride, T{1}, y.data, y.stride);
}

template <class T>
void dense_add_backward(int threads, MatrixView<const T> weight, MatrixView<const T> grad_y,
                        MatrixView<T> grad_x) {
  gemm(threads, Transpose::no, Transpose::no, grad_x.rows, grad_x.cols, grad_y.cols, T{1},
       grad_y.data, grad_y.stride, weight.data, weight.stride, T{1}, grad_x.data, grad_x.stride);
}

template void dense<float>(int, BatchView<const float>, BatchView<const float>,
                           MatrixView<const float>, Activation, BatchView<float>);
template void dense<double>(int, BatchView<const double>, BatchView<const double>,
                            MatrixView<const double>, Activation, BatchView<double>);
template void dense_backward<float>(int, BatchView<const float>, BatchView<const float>,
                                    BatchView<const float>, Activation, BatchView<const float>,
                                    BatchView<float>, MatrixView<float>, BatchView<float>,
                                    BatchView<float>, MatrixView<float>, Gradient);
template void dense_backward<double>(int, BatchView<const double>, BatchView<const double>,
                                     BatchView<const double>, Activation, BatchView<const double>,
                                     BatchView<double>, MatrixView<double>, BatchView<double>,
                                     BatchView<double>, MatrixView<double>, Gradient);
template void dense_add<float>(int, MatrixView<const float>, MatrixView<const float>,
                               MatrixView<float>);
template void dense_add<double>(int, MatrixView<const double>, MatrixView<const double>,
                                MatrixView<double>);
template void dense_add_backward<float>(int, MatrixView<const float>, MatrixView<const float>,
                                        MatrixView<float>);
template void dense_add_backward<double>(int, MatrixView<const double>, MatrixView<const double>,
                                         MatrixView<double>);

}  // namespace clipk::cpu
#endif
