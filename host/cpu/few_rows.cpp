#include "cpu/few_rows.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/few_rows.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>
// after highway.h
#include <hwy/cache_control.h>

#include "cpu/row_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR

// A tile of y: 3 rows by 8 columns, an accumulator each; products run along `in`.
constexpr int kRows = 3, kCols = 8;

// The sums of blocks of 128 bits.
template <class D, class V>
HWY_INLINE auto sum_blocks(D d, V v) {
  if constexpr (hn::MaxLanes(D()) <= 4) {
    return v;
  } else {
    const hn::Half<D> half;
    return sum_blocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}

// The sums of four accumulators, in the lanes of 128 bits.
template <class D, class V>
HWY_INLINE auto sums_of_four(D d, V a, V b, V c, V e) {
  const auto ab = hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
  const auto ce = hn::Add(hn::InterleaveLower(d, c, e), hn::InterleaveUpper(d, c, e));
  const hn::RepartitionToWide<D> wide;
  const auto low = hn::InterleaveLower(wide, hn::BitCast(wide, ab), hn::BitCast(wide, ce));
  const auto high = hn::InterleaveUpper(wide, hn::BitCast(wide, ab), hn::BitCast(wide, ce));
  return sum_blocks(d, hn::Add(hn::BitCast(d, low), hn::BitCast(d, high)));
}

template <int kR>
HWY_INLINE void tile(const float* HWY_RESTRICT x, std::int64_t x_stride,
                     const float* HWY_RESTRICT w, std::int64_t w_stride, std::int64_t in,
                     const float* next, float* y, std::int64_t y_stride) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  hn::Vec<decltype(d)> sums[kR][kCols];
  for (int r = 0; r < kR; ++r) {
    for (int c = 0; c < kCols; ++c) sums[r][c] = hn::Zero(d);
  }
  const auto step = [&](auto&& load, std::int64_t k) HWY_ATTR {
    hn::Vec<decltype(d)> rows[kR];
    for (int r = 0; r < kR; ++r) rows[r] = load(x + r * x_stride + k);
    for (int c = 0; c < kCols; ++c) {
      const auto weight = load(w + c * w_stride + k);
      for (int r = 0; r < kR; ++r) sums[r][c] = hn::MulAdd(rows[r], weight, sums[r][c]);
    }
  };
  std::int64_t k = 0;
  for (; k + lanes <= in; k += lanes) {
    hwy::Prefetch(next + k);
    step([&](const float* p) HWY_ATTR { return hn::LoadU(d, p); }, k);
  }
  if (k < in) {
    const PartVector<float> rest{static_cast<std::size_t>(in - k)};
    step([&](const float* p) HWY_ATTR { return rest.load(p); }, k);
  }
  const hn::CappedTag<float, 4> four;
  for (int r = 0; r < kR; ++r) {
    for (int c = 0; c < kCols; c += 4) {
      hn::StoreU(sums_of_four(d, sums[r][c], sums[r][c + 1], sums[r][c + 2], sums[r][c + 3]), four,
                 y + r * y_stride + c);
    }
  }
}

#endif

// Columns that do not fill a tile, one at a time.
void column(const float* x, std::int64_t x_stride, std::int64_t n, const float* w, std::int64_t in,
            float* y, std::int64_t y_stride) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < n; ++i) {
    const float* row = x + i * x_stride;
    auto sum = hn::Zero(d);
    std::int64_t k = 0;
    for (; k + lanes <= in; k += lanes) {
      sum = hn::MulAdd(hn::LoadU(d, row + k), hn::LoadU(d, w + k), sum);
    }
    if (k < in) {
      const PartVector<float> rest{static_cast<std::size_t>(in - k)};
      sum = hn::MulAdd(rest.load(row + k), rest.load(w + k), sum);
    }
    y[i * y_stride] = hn::GetLane(hn::SumOfLanes(d, sum));
  }
}

void product(MatrixView<const float> x, MatrixView<const float> w, MatrixView<float> y) {
  const std::int64_t n = x.rows, in = x.cols;
  std::int64_t o = 0;
#if HWY_TARGET != HWY_SCALAR
  for (; o + kCols <= w.rows; o += kCols) {
    // While these weights are used, the next ones come from memory.
    const std::int64_t last = (w.rows - 1) * w.stride, next = (o + kCols) * w.stride;
    for (std::int64_t i = 0; i < n; i += kRows) {
      const float* prefetched = w.data + std::min(next + i / kRows * in, last);
      const auto run = [&](auto tile_of) HWY_ATTR {
        tile_of(x.row(i), x.stride, w.row(o), w.stride, in, prefetched, y.row(i) + o, y.stride);
      };
      switch (n - i) {
        case 1:
          run(tile<1>);
          break;
        case 2:
          run(tile<2>);
          break;
        default:
          run(tile<3>);
      }
    }
  }
#endif
  for (; o < w.rows; ++o) {
    column(x.data, x.stride, n, w.row(o), in, y.data + o, y.stride);
  }
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(product);

void few_rows_product(MatrixView<const float> x, MatrixView<const float> w, MatrixView<float> y) {
  HWY_DYNAMIC_DISPATCH(product)(x, w, y);
}

}  // namespace clipk::cpu
#endif
