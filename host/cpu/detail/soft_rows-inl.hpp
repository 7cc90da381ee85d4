// Soft assignments with points as lanes, compiled once a target: values of centre j for a group of
// points lie at array + j * stride.
#if defined(CLIPK_CPU_SOFT_ROWS_INL_HPP_) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPK_CPU_SOFT_ROWS_INL_HPP_
#undef CLIPK_CPU_SOFT_ROWS_INL_HPP_
#else
#define CLIPK_CPU_SOFT_ROWS_INL_HPP_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <algorithm>
#include <limits>

#include "clipk/core/view.hpp"
#include "clipk/ops/soft_assignment.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Offsets of `lanes` rows from the first; those past `count` repeat the last row, so that they
// can be read.
template <class D>
auto row_offsets(D, std::int64_t count, std::int64_t stride) {
  using Index = hwy::MakeSigned<hn::TFromD<D>>;
  const hn::RebindToSigned<D> di;
  HWY_ALIGN Index offsets[hn::MaxLanes(di)];
  for (std::size_t lane = 0; lane < hn::Lanes(di); ++lane) {
    offsets[lane] = static_cast<Index>(
        std::min<std::int64_t>(static_cast<std::int64_t>(lane), count - 1) * stride);
  }
  return hn::Load(di, offsets);
}

// Columns of up to `lanes` rows into out + column * out_stride.
template <class D, class T>
void load_columns(D d, const T* rows, std::int64_t row_stride, std::int64_t count,
                  std::int64_t cols, T* out, std::int64_t out_stride) {
  const auto offsets = row_offsets(d, count, row_stride);
  for (std::int64_t c = 0; c < cols; ++c) {
    hn::Store(hn::GatherIndex(d, rows + c, offsets), d, out + c * out_stride);
  }
}

// The way back; only `count` rows are written.
template <class D, class T>
void store_columns(D d, const T* in, std::int64_t in_stride, std::int64_t count, std::int64_t cols,
                   T* rows, std::int64_t row_stride) {
  if (count < static_cast<std::int64_t>(hn::Lanes(d))) {
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t c = 0; c < cols; ++c) rows[i * row_stride + c] = in[c * in_stride + i];
    }
    return;
  }
  const auto offsets = row_offsets(d, count, row_stride);
  for (std::int64_t c = 0; c < cols; ++c) {
    hn::ScatterIndex(hn::Load(d, in + c * in_stride), d, rows + c, offsets);
  }
}

// The same added to the rows.
template <class D, class T>
void add_columns(D d, const T* in, std::int64_t in_stride, std::int64_t count, std::int64_t cols,
                 T* rows, std::int64_t row_stride) {
  if (count < static_cast<std::int64_t>(hn::Lanes(d))) {
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t c = 0; c < cols; ++c) rows[i * row_stride + c] += in[c * in_stride + i];
    }
    return;
  }
  const auto offsets = row_offsets(d, count, row_stride);
  for (std::int64_t c = 0; c < cols; ++c) {
    const auto sum =
        hn::Add(hn::GatherIndex(d, rows + c, offsets), hn::Load(d, in + c * in_stride));
    hn::ScatterIndex(sum, d, rows + c, offsets);
  }
}

// From squared distances (or dot products) to q. Leaves u = 1 / (1 + distance / alpha) in `value`
// for Student's t.
template <class D, class T>
void shares(D d, const SoftAssignmentOptions& options, std::int64_t k, std::int64_t stride,
            T* HWY_RESTRICT value, T* HWY_RESTRICT q) {
  const auto one = hn::Set(d, T{1});
  const bool student = options.kernel == SoftKernel::student_t;
  auto sum = hn::Zero(d);
  if (student && options.alpha == 1) {
    for (std::int64_t j = 0; j < k; ++j) {
      const auto u = hn::Div(one, hn::Add(one, hn::Load(d, value + j * stride)));
      hn::Store(u, d, value + j * stride);
      sum = hn::Add(sum, u);
    }
    const auto scale = hn::Div(one, sum);
    for (std::int64_t j = 0; j < k; ++j) {
      hn::Store(hn::Mul(hn::Load(d, value + j * stride), scale), d, q + j * stride);
    }
    return;
  }
  const T alpha = static_cast<T>(options.alpha);
  const auto inverse_alpha = hn::Set(d, T{1} / alpha);
  const auto power = hn::Set(d, -(alpha + T{1}) / T{2});
  const auto kappa = hn::Set(d, static_cast<T>(options.kappa));
  auto top = hn::Set(d, -std::numeric_limits<T>::infinity());
  for (std::int64_t j = 0; j < k; ++j) {
    auto v = hn::Load(d, value + j * stride);
    if (student) {
      v = hn::Mul(v, inverse_alpha);
      hn::Store(hn::Div(one, hn::Add(one, v)), d, value + j * stride);
      v = hn::Mul(power, hn::Log1p(d, v));
    } else {
      v = hn::Mul(kappa, v);
    }
    hn::Store(v, d, q + j * stride);
    top = hn::Max(top, v);
  }
  for (std::int64_t j = 0; j < k; ++j) {
    const auto below = hn::Sub(hn::Load(d, q + j * stride), top);
    // Exp gives 0 for NaN, which must not pass.
    const auto e = hn::IfThenElse(hn::IsNaN(below), below, hn::Exp(d, below));
    hn::Store(e, d, q + j * stride);
    sum = hn::Add(sum, e);
  }
  const auto scale = hn::Div(one, sum);
  for (std::int64_t j = 0; j < k; ++j) {
    hn::Store(hn::Mul(hn::Load(d, q + j * stride), scale), d, q + j * stride);
  }
}

// p_j = (q_j^2 / f_j) / its sum.
template <class D, class T>
void sharpened(D d, std::int64_t k, std::int64_t stride, const T* inverse_sums, const T* q, T* p) {
  auto sum = hn::Zero(d);
  for (std::int64_t j = 0; j < k; ++j) {
    const auto share = hn::Load(d, q + j * stride);
    const auto w = hn::Mul(share, hn::Mul(share, hn::Set(d, inverse_sums[j])));
    hn::Store(w, d, p + j * stride);
    sum = hn::Add(sum, w);
  }
  const auto scale = hn::Div(hn::Set(d, T{1}), sum);
  for (std::int64_t j = 0; j < k; ++j) {
    hn::Store(hn::Mul(hn::Load(d, p + j * stride), scale), d, p + j * stride);
  }
}

// The sum over j of p log(p / q), and in `value` the coefficients of the gradient:
// factor u (p - q) for Student's t, factor (q - p) for von Mises-Fisher; 0 in lanes that are not
// valid.
template <class D, class T, class M>
auto divergence(D d, M valid, SoftKernel kernel, T factor, std::int64_t k, std::int64_t stride,
                const T* HWY_RESTRICT p, const T* HWY_RESTRICT q, T* HWY_RESTRICT value) {
  const auto tiny = hn::Set(d, std::numeric_limits<T>::min());
  const auto factors = hn::Set(d, kernel == SoftKernel::student_t ? factor : -factor);
  auto loss = hn::Zero(d);
  for (std::int64_t j = 0; j < k; ++j) {
    const auto wanted = hn::Load(d, p + j * stride), share = hn::Load(d, q + j * stride);
    const auto ratio = hn::Div(wanted, hn::IfThenElse(hn::Lt(share, tiny), tiny, share));
    const auto log = hn::IfThenElse(hn::IsNaN(ratio), ratio, hn::Log(d, ratio));
    const auto term = hn::Mul(wanted, log);
    loss = hn::Add(loss, hn::IfThenZeroElse(hn::Eq(wanted, hn::Zero(d)), term));
    auto c = hn::Mul(factors, hn::Sub(wanted, share));
    if (kernel == SoftKernel::student_t) c = hn::Mul(c, hn::Load(d, value + j * stride));
    hn::Store(hn::IfThenElseZero(valid, c), d, value + j * stride);
  }
  return hn::IfThenElseZero(valid, loss);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
