#include "cpu/affine_coupling.hpp"

#include <algorithm>
#include <numbers>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/affine_coupling.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>
// after highway.h
#include <hwy/contrib/math/math-inl.h>

#include "core/parallel.hpp"
#include "core/virtual_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// s = outer g(inner a), with g = tanh or atan.
template <CouplingScale kScale>
class LogScale {
 public:
  explicit LogScale(float clamp)
      : outer_(kScale == CouplingScale::atan ? clamp * 2 / std::numbers::pi : clamp),
        inner_(kScale == CouplingScale::sigmoid ? 0.5 : 1.0) {}

  template <class D, class V>
  HWY_INLINE V value(D d, V a) const {
    return hn::Mul(set(d, outer_), curve(d, a));
  }

  // The same, and ds / da.
  template <class D, class V>
  HWY_INLINE V value(D d, V a, V& slope) const {
    const V one = hn::Set(d, 1);
    const V g = curve(d, a);
    if constexpr (kScale == CouplingScale::atan) {
      slope = hn::Div(set(d, outer_), hn::MulAdd(a, a, one));
    } else {
      slope = hn::Mul(set(d, outer_ * inner_), hn::NegMulAdd(g, g, one));
    }
    return hn::Mul(set(d, outer_), g);
  }

 private:
  template <class D>
  static HWY_INLINE hn::Vec<D> set(D d, double value) {
    return hn::Set(d, static_cast<hn::TFromD<D>>(value));
  }
  template <class D, class V>
  HWY_INLINE V curve(D d, V a) const {
    if constexpr (kScale == CouplingScale::atan) return hn::Atan(d, a);
    if constexpr (kScale == CouplingScale::tanh) return hn::Tanh(d, a);
    return hn::Tanh(d, hn::Mul(set(d, inner_), a));
  }

  double outer_, inner_;
};

// Highway's Exp gives 0 for NaN.
template <class D, class V>
HWY_INLINE V exp_or_nan(D d, V s) {
  return hn::MulAdd(s, hn::Zero(d), hn::Exp(d, s));
}

template <CouplingScale kScale, class T>
void forward_rows(float clamp, MatrixView<const T> x, MatrixView<const T> a, MatrixView<const T> t,
                  MatrixView<T> y, T* log_det) {
  const hn::ScalableTag<T> d;
  const LogScale<kScale> log_scale(clamp);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    LaneSum<T> sum;
    for_lanes<T>(x.cols, [&](auto at, std::int64_t j, int v) HWY_ATTR {
      const auto s = log_scale.value(d, at.load(a.row(i) + j));
      at.store(hn::MulAdd(at.load(x.row(i) + j), exp_or_nan(d, s), at.load(t.row(i) + j)),
               y.row(i) + j);
      sum.vector[v] = hn::Add(sum.vector[v], s);
    });
    if (log_det != nullptr) log_det[i] += sum.total();
  }
}

template <CouplingScale kScale, class T>
void inverse_rows(float clamp, MatrixView<const T> y, MatrixView<const T> a, MatrixView<const T> t,
                  MatrixView<T> x) {
  const hn::ScalableTag<T> d;
  const LogScale<kScale> log_scale(clamp);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    for_row<T>(x.cols, [&](auto at, std::int64_t j) HWY_ATTR {
      const auto s = log_scale.value(d, at.load(a.row(i) + j));
      const auto moved = hn::Sub(at.load(y.row(i) + j), at.load(t.row(i) + j));
      at.store(hn::Mul(moved, exp_or_nan(d, hn::Neg(s))), x.row(i) + j);
    });
  }
}

template <CouplingScale kScale, class T>
void backward_rows(float clamp, MatrixView<const T> y, MatrixView<const T> a, MatrixView<const T> t,
                   MatrixView<const T> grad_y, const T* grad_log_det, MatrixView<T> grad_x,
                   MatrixView<T> grad_a, MatrixView<T> grad_t) {
  const hn::ScalableTag<T> d;
  const LogScale<kScale> log_scale(clamp);
  for (std::int64_t i = 0; i < y.rows; ++i) {
    const auto of_log_det = hn::Set(d, grad_log_det != nullptr ? grad_log_det[i] : T{0});
    for_row<T>(y.cols, [&](auto at, std::int64_t j) HWY_ATTR {
      const auto g = at.load(grad_y.row(i) + j);
      const auto moved = hn::Sub(at.load(y.row(i) + j), at.load(t.row(i) + j));
      auto slope = hn::Zero(d);
      const auto s = log_scale.value(d, at.load(a.row(i) + j), slope);
      at.store(hn::Mul(g, exp_or_nan(d, s)), grad_x.row(i) + j);
      at.store(hn::Mul(hn::MulAdd(g, moved, of_log_det), slope), grad_a.row(i) + j);
      at.store(g, grad_t.row(i) + j);
    });
  }
}

template <class T>
void forward(const AffineCouplingOptions& options, MatrixView<const T> x, MatrixView<const T> a,
             MatrixView<const T> t, MatrixView<T> y, T* log_det) {
  switch (options.scale) {
    case CouplingScale::tanh:
      return forward_rows<CouplingScale::tanh>(options.clamp, x, a, t, y, log_det);
    case CouplingScale::atan:
      return forward_rows<CouplingScale::atan>(options.clamp, x, a, t, y, log_det);
    case CouplingScale::sigmoid:
      return forward_rows<CouplingScale::sigmoid>(options.clamp, x, a, t, y, log_det);
  }
}

template <class T>
void inverse(const AffineCouplingOptions& options, MatrixView<const T> y, MatrixView<const T> a,
             MatrixView<const T> t, MatrixView<T> x) {
  switch (options.scale) {
    case CouplingScale::tanh:
      return inverse_rows<CouplingScale::tanh>(options.clamp, y, a, t, x);
    case CouplingScale::atan:
      return inverse_rows<CouplingScale::atan>(options.clamp, y, a, t, x);
    case CouplingScale::sigmoid:
      return inverse_rows<CouplingScale::sigmoid>(options.clamp, y, a, t, x);
  }
}

template <class T>
void backward(const AffineCouplingOptions& options, MatrixView<const T> y, MatrixView<const T> a,
              MatrixView<const T> t, MatrixView<const T> grad_y, const T* grad_log_det,
              MatrixView<T> grad_x, MatrixView<T> grad_a, MatrixView<T> grad_t) {
  switch (options.scale) {
    case CouplingScale::tanh:
      return backward_rows<CouplingScale::tanh>(options.clamp, y, a, t, grad_y, grad_log_det,
                                                grad_x, grad_a, grad_t);
    case CouplingScale::atan:
      return backward_rows<CouplingScale::atan>(options.clamp, y, a, t, grad_y, grad_log_det,
                                                grad_x, grad_a, grad_t);
    case CouplingScale::sigmoid:
      return backward_rows<CouplingScale::sigmoid>(options.clamp, y, a, t, grad_y, grad_log_det,
                                                   grad_x, grad_a, grad_t);
  }
}

// HWY_EXPORT takes no templates.
void forward_float(const AffineCouplingOptions& options, MatrixView<const float> x,
                   MatrixView<const float> a, MatrixView<const float> t, MatrixView<float> y,
                   float* log_det) {
  forward(options, x, a, t, y, log_det);
}
void forward_double(const AffineCouplingOptions& options, MatrixView<const double> x,
                    MatrixView<const double> a, MatrixView<const double> t, MatrixView<double> y,
                    double* log_det) {
  forward(options, x, a, t, y, log_det);
}
void inverse_float(const AffineCouplingOptions& options, MatrixView<const float> y,
                   MatrixView<const float> a, MatrixView<const float> t, MatrixView<float> x) {
  inverse(options, y, a, t, x);
}
void inverse_double(const AffineCouplingOptions& options, MatrixView<const double> y,
                    MatrixView<const double> a, MatrixView<const double> t, MatrixView<double> x) {
  inverse(options, y, a, t, x);
}
void backward_float(const AffineCouplingOptions& options, MatrixView<const float> y,
                    MatrixView<const float> a, MatrixView<const float> t,
                    MatrixView<const float> grad_y, const float* grad_log_det,
                    MatrixView<float> grad_x, MatrixView<float> grad_a, MatrixView<float> grad_t) {
  backward(options, y, a, t, grad_y, grad_log_det, grad_x, grad_a, grad_t);
}
void backward_double(const AffineCouplingOptions& options, MatrixView<const double> y,
                     MatrixView<const double> a, MatrixView<const double> t,
                     MatrixView<const double> grad_y, const double* grad_log_det,
                     MatrixView<double> grad_x, MatrixView<double> grad_a,
                     MatrixView<double> grad_t) {
  backward(options, y, a, t, grad_y, grad_log_det, grad_x, grad_a, grad_t);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(forward_float);
HWY_EXPORT(forward_double);
HWY_EXPORT(inverse_float);
HWY_EXPORT(inverse_double);
HWY_EXPORT(backward_float);
HWY_EXPORT(backward_double);

namespace {

constexpr std::int64_t kGrain = 1 << 14;  // elements a task

std::int64_t rows_of_task(std::int64_t cols) {
  return std::max<std::int64_t>(1, kGrain / cols);
}

void forward_rows(const AffineCouplingOptions& options, MatrixView<const float> x,
                  MatrixView<const float> a, MatrixView<const float> t, MatrixView<float> y,
                  float* log_det) {
  HWY_DYNAMIC_DISPATCH(forward_float)(options, x, a, t, y, log_det);
}
void forward_rows(const AffineCouplingOptions& options, MatrixView<const double> x,
                  MatrixView<const double> a, MatrixView<const double> t, MatrixView<double> y,
                  double* log_det) {
  HWY_DYNAMIC_DISPATCH(forward_double)(options, x, a, t, y, log_det);
}
void inverse_rows(const AffineCouplingOptions& options, MatrixView<const float> y,
                  MatrixView<const float> a, MatrixView<const float> t, MatrixView<float> x) {
  HWY_DYNAMIC_DISPATCH(inverse_float)(options, y, a, t, x);
}
void inverse_rows(const AffineCouplingOptions& options, MatrixView<const double> y,
                  MatrixView<const double> a, MatrixView<const double> t, MatrixView<double> x) {
  HWY_DYNAMIC_DISPATCH(inverse_double)(options, y, a, t, x);
}
void backward_rows(const AffineCouplingOptions& options, MatrixView<const float> y,
                   MatrixView<const float> a, MatrixView<const float> t,
                   MatrixView<const float> grad_y, const float* grad_log_det,
                   MatrixView<float> grad_x, MatrixView<float> grad_a, MatrixView<float> grad_t) {
  HWY_DYNAMIC_DISPATCH(backward_float)
  (options, y, a, t, grad_y, grad_log_det, grad_x, grad_a, grad_t);
}
void backward_rows(const AffineCouplingOptions& options, MatrixView<const double> y,
                   MatrixView<const double> a, MatrixView<const double> t,
                   MatrixView<const double> grad_y, const double* grad_log_det,
                   MatrixView<double> grad_x, MatrixView<double> grad_a,
                   MatrixView<double> grad_t) {
  HWY_DYNAMIC_DISPATCH(backward_double)
  (options, y, a, t, grad_y, grad_log_det, grad_x, grad_a, grad_t);
}

}  // namespace

template <class T>
void affine_coupling(int threads, MatrixView<const T> x, MatrixView<const T> a,
                     MatrixView<const T> t, const AffineCouplingOptions& options, MatrixView<T> y,
                     VectorView<T> log_det) {
  parallel_chunks(threads, x.rows, rows_of_task(x.cols), [&](std::int64_t i, std::int64_t n) {
    forward_rows(options, x.row_range(i, n), a.row_range(i, n), t.row_range(i, n),
                 y.row_range(i, n), log_det.empty() ? nullptr : log_det.data + i);
  });
}

template <class T>
void affine_coupling_inverse(int threads, MatrixView<const T> y, MatrixView<const T> a,
                             MatrixView<const T> t, const AffineCouplingOptions& options,
                             MatrixView<T> x) {
  parallel_chunks(threads, y.rows, rows_of_task(y.cols), [&](std::int64_t i, std::int64_t n) {
    inverse_rows(options, y.row_range(i, n), a.row_range(i, n), t.row_range(i, n),
                 x.row_range(i, n));
  });
}

template <class T>
void affine_coupling_backward(int threads, MatrixView<const T> y, MatrixView<const T> a,
                              MatrixView<const T> t, const AffineCouplingOptions& options,
                              MatrixView<const T> grad_y, VectorView<const T> grad_log_det,
                              MatrixView<T> grad_x, MatrixView<T> grad_a, MatrixView<T> grad_t) {
  parallel_chunks(threads, y.rows, rows_of_task(y.cols), [&](std::int64_t i, std::int64_t n) {
    backward_rows(options, y.row_range(i, n), a.row_range(i, n), t.row_range(i, n),
                  grad_y.row_range(i, n), grad_log_det.empty() ? nullptr : grad_log_det.data + i,
                  grad_x.row_range(i, n), grad_a.row_range(i, n), grad_t.row_range(i, n));
  });
}

template void affine_coupling<float>(int, MatrixView<const float>, MatrixView<const float>,
                                     MatrixView<const float>, const AffineCouplingOptions&,
                                     MatrixView<float>, VectorView<float>);
template void affine_coupling_inverse<float>(int, MatrixView<const float>, MatrixView<const float>,
                                             MatrixView<const float>, const AffineCouplingOptions&,
                                             MatrixView<float>);
template void affine_coupling_backward<float>(int, MatrixView<const float>, MatrixView<const float>,
                                              MatrixView<const float>, const AffineCouplingOptions&,
                                              MatrixView<const float>, VectorView<const float>,
                                              MatrixView<float>, MatrixView<float>,
                                              MatrixView<float>);
template void affine_coupling<double>(int, MatrixView<const double>, MatrixView<const double>,
                                      MatrixView<const double>, const AffineCouplingOptions&,
                                      MatrixView<double>, VectorView<double>);
template void affine_coupling_inverse<double>(int, MatrixView<const double>,
                                              MatrixView<const double>, MatrixView<const double>,
                                              const AffineCouplingOptions&, MatrixView<double>);
template void affine_coupling_backward<double>(int, MatrixView<const double>,
                                               MatrixView<const double>, MatrixView<const double>,
                                               const AffineCouplingOptions&,
                                               MatrixView<const double>, VectorView<const double>,
                                               MatrixView<double>, MatrixView<double>,
                                               MatrixView<double>);

}  // namespace clipk::cpu
#endif
