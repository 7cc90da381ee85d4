#include "cpu/invertible_leaky_relu.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/invertible_leaky_relu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "core/math/math.hpp"
#include "core/parallel.hpp"
#include "core/row_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// out = factor x where `sign` is negative, x elsewhere; returns how many of a row are.
template <class T>
std::int64_t scale_row(const T* sign, const T* x, T factor, std::int64_t n, T* out) {
  const hn::ScalableTag<T> d;
  std::size_t negatives = 0;
  for_row<T>(n, [&](auto at, std::int64_t j) HWY_ATTR {
    const auto negative = hn::Lt(at.load(sign + j), hn::Zero(d));
    const auto v = at.load(x + j);
    at.store(hn::IfThenElse(negative, hn::Mul(hn::Set(d, factor), v), v), out + j);
    negatives += hn::CountTrue(d, negative);
  });
  return static_cast<std::int64_t>(negatives);
}

template <class T>
void scale_rows(MatrixView<const T> sign, MatrixView<const T> x, T factor, double log_factor,
                MatrixView<T> out, T* log_det) {
  for (std::int64_t i = 0; i < x.rows; ++i) {
    const std::int64_t negatives = scale_row(sign.row(i), x.row(i), factor, x.cols, out.row(i));
    if (log_det != nullptr) {
      log_det[i] += static_cast<T>(static_cast<double>(negatives) * log_factor);
    }
  }
}

// HWY_EXPORT takes no templates.
void scale_rows_float(MatrixView<const float> sign, MatrixView<const float> x, float factor,
                      double log_factor, MatrixView<float> out, float* log_det) {
  scale_rows(sign, x, factor, log_factor, out, log_det);
}
void scale_rows_double(MatrixView<const double> sign, MatrixView<const double> x, double factor,
                       double log_factor, MatrixView<double> out, double* log_det) {
  scale_rows(sign, x, factor, log_factor, out, log_det);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(scale_rows_float);
HWY_EXPORT(scale_rows_double);

namespace {

constexpr std::int64_t kGrain = 1 << 15;  // elements a task

void scale_rows(MatrixView<const float> sign, MatrixView<const float> x, float factor,
                double log_factor, MatrixView<float> out, float* log_det) {
  HWY_DYNAMIC_DISPATCH(scale_rows_float)(sign, x, factor, log_factor, out, log_det);
}
void scale_rows(MatrixView<const double> sign, MatrixView<const double> x, double factor,
                double log_factor, MatrixView<double> out, double* log_det) {
  HWY_DYNAMIC_DISPATCH(scale_rows_double)(sign, x, factor, log_factor, out, log_det);
}

template <class T>
void run(int threads, MatrixView<const T> sign, MatrixView<const T> x, double factor,
         MatrixView<T> out, VectorView<T> log_det) {
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / x.cols);
  parallel_chunks(threads, x.rows, grain, [&](std::int64_t i, std::int64_t n) {
    scale_rows(sign.row_range(i, n), x.row_range(i, n), static_cast<T>(factor), math::log(factor),
               out.row_range(i, n), log_det.empty() ? nullptr : log_det.data + i);
  });
}

}  // namespace

template <class T>
void invertible_leaky_relu(int threads, MatrixView<const T> x, float slope, MatrixView<T> y,
                           VectorView<T> log_det) {
  run<T>(threads, x, x, slope, y, log_det);
}

template <class T>
void invertible_leaky_relu_inverse(int threads, MatrixView<const T> y, float slope,
                                   MatrixView<T> x) {
  run<T>(threads, y, y, 1 / static_cast<double>(slope), x, {});
}

template <class T>
void invertible_leaky_relu_backward(int threads, MatrixView<const T> y, float slope,
                                    MatrixView<const T> grad_y, MatrixView<T> grad_x) {
  run<T>(threads, y, grad_y, slope, grad_x, {});
}

template void invertible_leaky_relu<float>(int, MatrixView<const float>, float, MatrixView<float>,
                                           VectorView<float>);
template void invertible_leaky_relu<double>(int, MatrixView<const double>, float,
                                            MatrixView<double>, VectorView<double>);
template void invertible_leaky_relu_inverse<float>(int, MatrixView<const float>, float,
                                                   MatrixView<float>);
template void invertible_leaky_relu_inverse<double>(int, MatrixView<const double>, float,
                                                    MatrixView<double>);
template void invertible_leaky_relu_backward<float>(int, MatrixView<const float>, float,
                                                    MatrixView<const float>, MatrixView<float>);
template void invertible_leaky_relu_backward<double>(int, MatrixView<const double>, float,
                                                     MatrixView<const double>, MatrixView<double>);

}  // namespace clipk::cpu
#endif
