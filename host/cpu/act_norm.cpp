#include "cpu/act_norm.hpp"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/act_norm.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>
// after highway.h
#include <hwy/contrib/math/math-inl.h>

#include "core/math/math.hpp"
#include "core/parallel.hpp"
#include "core/virtual_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
void forward(MatrixView<const T> x, const T* shift, const T* factors, T row_log_det,
             MatrixView<T> y, T* log_det) {
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for_row<T>(x.cols, [&](auto at, std::int64_t j) HWY_ATTR {
      const auto moved = hn::Add(at.load(x.row(i) + j), at.load(shift + j));
      at.store(hn::Mul(moved, at.load(factors + j)), y.row(i) + j);
    });
    if (log_det != nullptr) log_det[i] += row_log_det;
  }
}

template <class T>
void inverse(MatrixView<const T> y, const T* shift, const T* factors, MatrixView<T> x) {
  for (std::int64_t i = 0; i < y.rows; ++i) {
    for_row<T>(y.cols, [&](auto at, std::int64_t j) HWY_ATTR {
      const auto scaled = hn::Mul(at.load(y.row(i) + j), at.load(factors + j));
      at.store(hn::Sub(scaled, at.load(shift + j)), x.row(i) + j);
    });
  }
}

// The columns' sums of grad_y (sums[0 ... d)) and of grad_y y (sums[d ... 2 d)), and grad_x.
template <class T>
void backward(MatrixView<const T> y, const T* factors, MatrixView<const T> grad_y,
              MatrixView<T> grad_x, double* sums) {
  double* const products = sums + y.cols;
  std::fill(sums, products + y.cols, 0.0);
  for (std::int64_t i = 0; i < y.rows; ++i) {
    const T* value = y.row(i);
    const T* g = grad_y.row(i);
    T* out = grad_x.row(i);
    for_lanes<double>(y.cols, [&](auto at, std::int64_t j, int) HWY_ATTR {
      const auto gj = at.load(g + j);
      at.store(hn::Add(at.load(sums + j), gj), sums + j);
      at.store(hn::MulAdd(gj, at.load(value + j), at.load(products + j)), products + j);
    });
    for_row<T>(y.cols, [&](auto at, std::int64_t j) HWY_ATTR {
      at.store(hn::Mul(at.load(g + j), at.load(factors + j)), out + j);
    });
  }
}

// to = e^(sign x)
template <class T>
void exponentials(T sign, const T* x, std::int64_t n, T* to) {
  const hn::ScalableTag<T> d;
  const auto overflows = hn::Set(d, sizeof(T) == 4 ? 89 : 710);
  for_row<T>(n, [&](auto at, std::int64_t j) HWY_ATTR {
    const auto value = hn::Mul(hn::Set(d, sign), at.load(x + j));
    // Exp is wrong far above this, and gives 0 for NaN.
    const auto e = hn::Exp(d, hn::Min(value, overflows));
    at.store(hn::IfThenElse(hn::IsNaN(value), value, e), to + j);
  });
}

// HWY_EXPORT takes no templates.
void forward_float(MatrixView<const float> x, const float* shift, const float* factors,
                   float row_log_det, MatrixView<float> y, float* log_det) {
  forward(x, shift, factors, row_log_det, y, log_det);
}
void forward_double(MatrixView<const double> x, const double* shift, const double* factors,
                    double row_log_det, MatrixView<double> y, double* log_det) {
  forward(x, shift, factors, row_log_det, y, log_det);
}
void inverse_float(MatrixView<const float> y, const float* shift, const float* factors,
                   MatrixView<float> x) {
  inverse(y, shift, factors, x);
}
void inverse_double(MatrixView<const double> y, const double* shift, const double* factors,
                    MatrixView<double> x) {
  inverse(y, shift, factors, x);
}
void exponentials_float(float sign, const float* x, std::int64_t n, float* to) {
  exponentials(sign, x, n, to);
}
void exponentials_double(double sign, const double* x, std::int64_t n, double* to) {
  exponentials(sign, x, n, to);
}
void backward_float(MatrixView<const float> y, const float* factors, MatrixView<const float> grad_y,
                    MatrixView<float> grad_x, double* sums) {
  backward(y, factors, grad_y, grad_x, sums);
}
void backward_double(MatrixView<const double> y, const double* factors,
                     MatrixView<const double> grad_y, MatrixView<double> grad_x, double* sums) {
  backward(y, factors, grad_y, grad_x, sums);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(forward_float);
HWY_EXPORT(forward_double);
HWY_EXPORT(inverse_float);
HWY_EXPORT(inverse_double);
HWY_EXPORT(exponentials_float);
HWY_EXPORT(exponentials_double);
HWY_EXPORT(backward_float);
HWY_EXPORT(backward_double);

namespace {

constexpr std::int64_t kGrain = 1 << 15;  // elements a task
constexpr std::int64_t kMaxParts = 64;    // of the backward pass
constexpr std::int64_t kInitColumns = 64;

std::int64_t rows_of_task(std::int64_t cols) {
  return std::max<std::int64_t>(1, kGrain / cols);
}

std::int64_t rows_of_part(std::int64_t n, std::int64_t d) {
  return std::max(rows_of_task(d), (n + kMaxParts - 1) / kMaxParts);
}

void forward_rows(MatrixView<const float> x, const float* shift, const float* factors,
                  float row_log_det, MatrixView<float> y, float* log_det) {
  HWY_DYNAMIC_DISPATCH(forward_float)(x, shift, factors, row_log_det, y, log_det);
}
void forward_rows(MatrixView<const double> x, const double* shift, const double* factors,
                  double row_log_det, MatrixView<double> y, double* log_det) {
  HWY_DYNAMIC_DISPATCH(forward_double)(x, shift, factors, row_log_det, y, log_det);
}
void inverse_rows(MatrixView<const float> y, const float* shift, const float* factors,
                  MatrixView<float> x) {
  HWY_DYNAMIC_DISPATCH(inverse_float)(y, shift, factors, x);
}
void inverse_rows(MatrixView<const double> y, const double* shift, const double* factors,
                  MatrixView<double> x) {
  HWY_DYNAMIC_DISPATCH(inverse_double)(y, shift, factors, x);
}
void backward_rows(MatrixView<const float> y, const float* factors, MatrixView<const float> grad_y,
                   MatrixView<float> grad_x, double* sums) {
  HWY_DYNAMIC_DISPATCH(backward_float)(y, factors, grad_y, grad_x, sums);
}
void backward_rows(MatrixView<const double> y, const double* factors,
                   MatrixView<const double> grad_y, MatrixView<double> grad_x, double* sums) {
  HWY_DYNAMIC_DISPATCH(backward_double)(y, factors, grad_y, grad_x, sums);
}

// e^log_scale, or its reciprocal.
void scale_factors(bool inverse, VectorView<const float> log_scale, VectorView<float> factors) {
  HWY_DYNAMIC_DISPATCH(exponentials_float)
  (inverse ? -1 : 1, log_scale.data, log_scale.size, factors.data);
}
void scale_factors(bool inverse, VectorView<const double> log_scale, VectorView<double> factors) {
  HWY_DYNAMIC_DISPATCH(exponentials_double)
  (inverse ? -1 : 1, log_scale.data, log_scale.size, factors.data);
}

double sum(VectorView<const float> v) {
  double total = 0;
  for (const float value : v) total += value;
  return total;
}
double sum(VectorView<const double> v) {
  double total = 0;
  for (const double value : v) total += value;
  return total;
}

// Columns first ... first + count of x.
template <class T>
void init_columns(MatrixView<const T> x, std::int64_t count, T* shift, T* log_scale) {
  double mean[kInitColumns] = {}, squares[kInitColumns] = {};
  bool constant[kInitColumns];
  std::fill(constant, constant + count, true);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    const T* row = x.row(i);
    for (std::int64_t j = 0; j < count; ++j) {
      mean[j] += row[j];
      constant[j] = constant[j] && row[j] == x.data[j];
    }
  }
  for (std::int64_t j = 0; j < count; ++j) mean[j] /= static_cast<double>(x.rows);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    const T* row = x.row(i);
    for (std::int64_t j = 0; j < count; ++j) squares[j] += (row[j] - mean[j]) * (row[j] - mean[j]);
  }
  for (std::int64_t j = 0; j < count; ++j) {
    const double deviation = std::sqrt(squares[j] / static_cast<double>(x.rows - 1));
    shift[j] = constant[j] ? -x.data[j] : static_cast<T>(-mean[j]);
    log_scale[j] = constant[j] ? T{0} : static_cast<T>(-math::log(deviation + 1e-6));
  }
}

}  // namespace

template <class T>
void act_norm_init(int threads, MatrixView<const T> x, VectorView<T> shift,
                   VectorView<T> log_scale) {
  parallel_chunks(threads, x.cols, kInitColumns, [&](std::int64_t first, std::int64_t count) {
    init_columns(x.col_range(first, count), count, shift.data + first, log_scale.data + first);
  });
}

template <class T>
void act_norm(int threads, MatrixView<const T> x, VectorView<const T> shift,
              VectorView<const T> log_scale, VectorView<T> factors, MatrixView<T> y,
              VectorView<T> log_det) {
  scale_factors(false, log_scale, factors);
  const T row_log_det = static_cast<T>(sum(log_scale));
  parallel_chunks(threads, x.rows, rows_of_task(x.cols), [&](std::int64_t i, std::int64_t n) {
    forward_rows(x.row_range(i, n), shift.data, factors.data, row_log_det, y.row_range(i, n),
                 log_det.empty() ? nullptr : log_det.data + i);
  });
}

template <class T>
void act_norm_inverse(int threads, MatrixView<const T> y, VectorView<const T> shift,
                      VectorView<const T> log_scale, VectorView<T> factors, MatrixView<T> x) {
  scale_factors(true, log_scale, factors);
  parallel_chunks(threads, y.rows, rows_of_task(y.cols), [&](std::int64_t i, std::int64_t n) {
    inverse_rows(y.row_range(i, n), shift.data, factors.data, x.row_range(i, n));
  });
}

std::int64_t act_norm_parts(std::int64_t n, std::int64_t d) {
  const std::int64_t rows = rows_of_part(n, d);
  return (n + rows - 1) / rows;
}

template <class T>
void act_norm_backward(int threads, MatrixView<const T> y, VectorView<const T> log_scale,
                       MatrixView<const T> grad_y, VectorView<const T> grad_log_det,
                       VectorView<T> factors, MatrixView<double> parts, MatrixView<T> grad_x,
                       VectorView<T> grad_shift, VectorView<T> grad_log_scale) {
  const std::int64_t d = y.cols, rows = rows_of_part(y.rows, d);
  scale_factors(false, log_scale, factors);
  parallel_chunks(threads, y.rows, rows, [&](std::int64_t i, std::int64_t n) {
    backward_rows(y.row_range(i, n), factors.data, grad_y.row_range(i, n), grad_x.row_range(i, n),
                  parts.row(i / rows));
  });
  const double of_log_det = sum(grad_log_det);
  for (std::int64_t j = 0; j < d; ++j) {
    double of_y = 0, of_product = 0;
    for (std::int64_t p = 0; p < parts.rows; ++p) {
      of_y += parts(p, j);
      of_product += parts(p, d + j);
    }
    grad_shift[j] = static_cast<T>(of_y * static_cast<double>(factors[j]));
    grad_log_scale[j] = static_cast<T>(of_product + of_log_det);
  }
}

template void act_norm_init<float>(int, MatrixView<const float>, VectorView<float>,
                                   VectorView<float>);
template void act_norm_init<double>(int, MatrixView<const double>, VectorView<double>,
                                    VectorView<double>);
template void act_norm<float>(int, MatrixView<const float>, VectorView<const float>,
                              VectorView<const float>, VectorView<float>, MatrixView<float>,
                              VectorView<float>);
template void act_norm<double>(int, MatrixView<const double>, VectorView<const double>,
                               VectorView<const double>, VectorView<double>, MatrixView<double>,
                               VectorView<double>);
template void act_norm_inverse<float>(int, MatrixView<const float>, VectorView<const float>,
                                      VectorView<const float>, VectorView<float>,
                                      MatrixView<float>);
template void act_norm_inverse<double>(int, MatrixView<const double>, VectorView<const double>,
                                       VectorView<const double>, VectorView<double>,
                                       MatrixView<double>);
template void act_norm_backward<float>(int, MatrixView<const float>, VectorView<const float>,
                                       MatrixView<const float>, VectorView<const float>,
                                       VectorView<float>, MatrixView<double>, MatrixView<float>,
                                       VectorView<float>, VectorView<float>);
template void act_norm_backward<double>(int, MatrixView<const double>, VectorView<const double>,
                                        MatrixView<const double>, VectorView<const double>,
                                        VectorView<double>, MatrixView<double>, MatrixView<double>,
                                        VectorView<double>, VectorView<double>);

}  // namespace clipk::cpu
#endif
