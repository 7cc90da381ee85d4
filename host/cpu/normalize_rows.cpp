#include "cpu/normalize_rows.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/normalize_rows.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "core/parallel.hpp"
#include "core/virtual_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
T dot(const T* a, const T* b, std::int64_t n) {
  LaneSum<T> sum;
  for_lanes<T>(n, [&](auto place, std::int64_t i, int v) HWY_ATTR {
    sum.vector[v] = hn::MulAdd(place.load(a + i), place.load(b + i), sum.vector[v]);
  });
  return sum.total();
}

// out = alpha a + beta b; out may be a. Not fused, so that terms which are opposite cancel.
template <class T>
void combine(T alpha, const T* a, T beta, const T* b, std::int64_t n, T* out) {
  const hn::ScalableTag<T> tag;
  for_row<T>(n, [&](auto place, std::int64_t i) HWY_ATTR {
    const auto one = hn::Mul(hn::Set(tag, alpha), place.load(a + i));
    const auto other = hn::Mul(hn::Set(tag, beta), place.load(b + i));
    place.store(hn::Add(one, other), out + i);
  });
}

template <class T>
T normalize_row(const T* x, std::int64_t n, T* y) {
  const T length = std::sqrt(dot(x, x, n));
  if (length == 0) {
    std::fill(y, y + n, T{0});
  } else {
    combine(1 / length, x, T{0}, x, n, y);
  }
  return length;
}

template <class T>
void row_backward(const T* y, T length, const T* grad_y, std::int64_t n, T* grad_x) {
  if (length == 0) {
    std::fill(grad_x, grad_x + n, T{0});
  } else {
    combine(1 / length, grad_y, -dot(grad_y, y, n) / length, y, n, grad_x);
  }
}

float normalize_row_float(const float* x, std::int64_t n, float* y) {
  return normalize_row(x, n, y);
}
double normalize_row_double(const double* x, std::int64_t n, double* y) {
  return normalize_row(x, n, y);
}
void row_backward_float(const float* y, float length, const float* grad_y, std::int64_t n,
                        float* grad_x) {
  row_backward(y, length, grad_y, n, grad_x);
}
void row_backward_double(const double* y, double length, const double* grad_y, std::int64_t n,
                         double* grad_x) {
  row_backward(y, length, grad_y, n, grad_x);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(normalize_row_float);
HWY_EXPORT(normalize_row_double);
HWY_EXPORT(row_backward_float);
HWY_EXPORT(row_backward_double);

namespace {

constexpr std::int64_t kGrain = 1 << 14;  // elements a task

float normalize_row(const float* x, std::int64_t n, float* y) {
  return HWY_DYNAMIC_DISPATCH(normalize_row_float)(x, n, y);
}
double normalize_row(const double* x, std::int64_t n, double* y) {
  return HWY_DYNAMIC_DISPATCH(normalize_row_double)(x, n, y);
}
void row_backward(const float* y, float length, const float* grad_y, std::int64_t n,
                  float* grad_x) {
  HWY_DYNAMIC_DISPATCH(row_backward_float)(y, length, grad_y, n, grad_x);
}
void row_backward(const double* y, double length, const double* grad_y, std::int64_t n,
                  double* grad_x) {
  HWY_DYNAMIC_DISPATCH(row_backward_double)(y, length, grad_y, n, grad_x);
}

template <class F>
void for_rows(int threads, std::int64_t rows, std::int64_t cols, F&& f) {
  const std::int64_t grain = std::max<std::int64_t>(1, kGrain / std::max<std::int64_t>(1, cols));
  parallel_chunks(threads, rows, grain, [&](std::int64_t first, std::int64_t count) {
    for (std::int64_t i = first; i < first + count; ++i) f(i);
  });
}

template <class T>
void forward(int threads, MatrixView<const T> x, MatrixView<T> y, VectorView<T> lengths) {
  for_rows(threads, x.rows, x.cols, [&](std::int64_t i) {
    const T length = normalize_row(x.row(i), x.cols, y.row(i));
    if (!lengths.empty()) lengths[i] = length;
  });
}

template <class T>
void backward(int threads, MatrixView<const T> y, VectorView<const T> lengths,
              MatrixView<const T> grad_y, MatrixView<T> grad_x) {
  for_rows(threads, y.rows, y.cols, [&](std::int64_t i) {
    row_backward(y.row(i), lengths[i], grad_y.row(i), y.cols, grad_x.row(i));
  });
}

}  // namespace

void normalize_rows(int threads, MatrixView<const float> x, MatrixView<float> y,
                    VectorView<float> lengths) {
  forward(threads, x, y, lengths);
}
void normalize_rows(int threads, MatrixView<const double> x, MatrixView<double> y,
                    VectorView<double> lengths) {
  forward(threads, x, y, lengths);
}
void normalize_rows_backward(int threads, MatrixView<const float> y,
                             VectorView<const float> lengths, MatrixView<const float> grad_y,
                             MatrixView<float> grad_x) {
  backward(threads, y, lengths, grad_y, grad_x);
}
void normalize_rows_backward(int threads, MatrixView<const double> y,
                             VectorView<const double> lengths, MatrixView<const double> grad_y,
                             MatrixView<double> grad_x) {
  backward(threads, y, lengths, grad_y, grad_x);
}

}  // namespace clipk::cpu
#endif
