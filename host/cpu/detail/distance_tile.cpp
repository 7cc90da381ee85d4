#include "cpu/detail/distance_tile.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/detail/distance_tile.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include "core/virtual_lanes-inl.hpp"
#include "linalg/gemm.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The distances of one row to kGroup rows of y from their differences. Each distance has two blocks
// of sums, so that several additions overlap and all stay in registers. The order of a sum does not
// depend on the row's place in the group.
constexpr int kGroup = HWY_TARGET <= HWY_AVX3 ? 4 : 2;

template <Metric kMetric, class T>
HWY_INLINE void recompute(std::int64_t d, const T* x, T scale_x, const T* const* y,
                          const T* scale_y, T* result) {
  const hn::ScalableTag<T> tag;
  LaneSum<T, 2> sums[kGroup];
  for_lanes<T, 2>(d, [&](auto place, std::int64_t k, int v) HWY_ATTR {
    auto xv = place.load(x + k);
    if constexpr (kMetric == Metric::cosine) xv = hn::Mul(xv, hn::Set(tag, scale_x));
    for (int p = 0; p < kGroup; ++p) {
      auto yv = place.load(y[p] + k);
      if constexpr (kMetric == Metric::cosine) yv = hn::Mul(yv, hn::Set(tag, scale_y[p]));
      const auto difference = hn::Sub(xv, yv);
      sums[p].vector[v] = hn::MulAdd(difference, difference, sums[p].vector[v]);
    }
  });
  for (int p = 0; p < kGroup; ++p) {
    T sum = sums[p].total();
    if constexpr (kMetric == Metric::euclidean) sum = std::sqrt(sum);
    if constexpr (kMetric == Metric::cosine) sum *= T(0.5);
    result[p] = sum;
  }
}

// One row of the tile, from products to distances; returns how many rows of y are near, and which.
template <Metric kMetric, class T>
HWY_INLINE int finish_row(std::int64_t m, T scale_x, const T* scales_y, T* out,
                          std::int32_t* near_columns) {
  int near_count = 0;
  const auto finish = [&](auto tag, std::int64_t j) HWY_ATTR {
    const auto sx = hn::Set(tag, scale_x);
    const auto sy = hn::LoadU(tag, scales_y + j);
    const auto product = hn::LoadU(tag, out + j);
    const auto part = hn::Set(tag, static_cast<T>(kNearPart));
    auto is_near = hn::Lt(product, product);
    if constexpr (kMetric == Metric::cosine) {
      const auto value = hn::NegMulAdd(product, hn::Mul(sx, sy), hn::Set(tag, T(1)));
      is_near = hn::Lt(value, part);
      // Not Min: of a NaN it may give either argument.
      const auto two = hn::Set(tag, T(2));
      hn::StoreU(hn::IfThenElse(hn::Gt(value, two), two, value), tag, out + j);
    } else {
      const auto lengths = hn::Add(sx, sy);
      const auto value = hn::NegMulAdd(product, hn::Set(tag, T(2)), lengths);
      is_near = hn::Lt(value, hn::Mul(part, lengths));
      hn::StoreU(kMetric == Metric::euclidean ? hn::Sqrt(value) : value, tag, out + j);
    }
    if (!hn::AllFalse(tag, is_near)) {
      std::uint8_t bytes[8] = {};
      hn::StoreMaskBits(tag, is_near, bytes);
      std::uint64_t bits;
      std::memcpy(&bits, bytes, sizeof(bits));
      for (; bits != 0; bits &= bits - 1) {
        near_columns[near_count++] = static_cast<std::int32_t>(j + __builtin_ctzll(bits));
      }
    }
  };
  const hn::ScalableTag<T> vector;
  const hn::CappedTag<T, 1> scalar;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(vector));
  std::int64_t j = 0;
  for (; j + lanes <= m; j += lanes) finish(vector, j);
  for (; j < m; ++j) finish(scalar, j);
  return near_count;
}

template <Metric kMetric, class T>
void finish_tile(std::int64_t n, std::int64_t m, std::int64_t d, const ScaledRows<T>& x,
                 const ScaledRows<T>& y, T* out, std::int64_t out_stride, std::uint32_t* near_bits,
                 std::int64_t near_stride) {
  std::int32_t near_columns[kTileCols];
  for (std::int64_t i = 0; i < n; ++i) {
    T* row = out + i * out_stride;
    const int count = finish_row<kMetric>(m, x.scales[i], y.scales, row, near_columns);
    for (int first = 0; first < count; first += kGroup) {
      const T* rows[kGroup];
      T scales[kGroup];
      T result[kGroup];
      for (int p = 0; p < kGroup; ++p) {
        const std::int32_t j = near_columns[std::min(first + p, count - 1)];
        rows[p] = y.data + j * y.stride;
        scales[p] = y.scales[j];
      }
      recompute<kMetric>(d, x.data + i * x.stride, x.scales[i], rows, scales, result);
      for (int p = 0; p < kGroup && first + p < count; ++p) {
        row[near_columns[first + p]] = result[p];
      }
    }
    if (near_bits == nullptr) continue;
    std::uint32_t* bits = near_bits + i * near_stride;
    std::fill(bits, bits + (m + 31) / 32, 0U);
    for (int p = 0; p < count; ++p) bits[near_columns[p] / 32] |= 1U << near_columns[p] % 32;
  }
}

template <class T>
void finish_any(Metric metric, std::int64_t n, std::int64_t m, std::int64_t d,
                const ScaledRows<T>& x, const ScaledRows<T>& y, T* out, std::int64_t out_stride,
                std::uint32_t* near_bits, std::int64_t near_stride) {
  const auto run = [&]<Metric kMetric>() {
    finish_tile<kMetric>(n, m, d, x, y, out, out_stride, near_bits, near_stride);
  };
  switch (metric) {
    case Metric::squared_euclidean:
      return run.template operator()<Metric::squared_euclidean>();
    case Metric::euclidean:
      return run.template operator()<Metric::euclidean>();
    case Metric::cosine:
      return run.template operator()<Metric::cosine>();
  }
}

void finish_float(Metric metric, std::int64_t n, std::int64_t m, std::int64_t d,
                  const ScaledRows<float>& x, const ScaledRows<float>& y, float* out,
                  std::int64_t out_stride, std::uint32_t* near_bits, std::int64_t near_stride) {
  finish_any(metric, n, m, d, x, y, out, out_stride, near_bits, near_stride);
}
void finish_double(Metric metric, std::int64_t n, std::int64_t m, std::int64_t d,
                   const ScaledRows<double>& x, const ScaledRows<double>& y, double* out,
                   std::int64_t out_stride, std::uint32_t* near_bits, std::int64_t near_stride) {
  finish_any(metric, n, m, d, x, y, out, out_stride, near_bits, near_stride);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(finish_float);
HWY_EXPORT(finish_double);

void distance_tile(Metric metric, std::int64_t n, std::int64_t m, std::int64_t d,
                   ScaledRows<float> x, ScaledRows<float> y, float* out, std::int64_t out_stride,
                   std::uint32_t* near_bits, std::int64_t near_stride) {
  gemm(1, Transpose::no, Transpose::yes, n, m, d, 1.0F, x.data, x.stride, y.data, y.stride, 0.0F,
       out, out_stride);
  HWY_DYNAMIC_DISPATCH(finish_float)
  (metric, n, m, d, x, y, out, out_stride, near_bits, near_stride);
}
void distance_tile(Metric metric, std::int64_t n, std::int64_t m, std::int64_t d,
                   ScaledRows<double> x, ScaledRows<double> y, double* out, std::int64_t out_stride,
                   std::uint32_t* near_bits, std::int64_t near_stride) {
  gemm(1, Transpose::no, Transpose::yes, n, m, d, 1.0, x.data, x.stride, y.data, y.stride, 0.0, out,
       out_stride);
  HWY_DYNAMIC_DISPATCH(finish_double)
  (metric, n, m, d, x, y, out, out_stride, near_bits, near_stride);
}

}  // namespace clipk::cpu
#endif
