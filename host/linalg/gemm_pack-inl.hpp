// Panels of the matrix product's operands; included once per Highway target.
#if defined(CLIPK_GEMM_PACK_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPK_GEMM_PACK_INL
#undef CLIPK_GEMM_PACK_INL
#else
#define CLIPK_GEMM_PACK_INL
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "core/row_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// 128 bits of each fourth (of doubles: second) row, side by side in one vector.
template <class D, class T>
HWY_INLINE hn::Vec<D> load_blocks(D d, const T* const* rows, std::int64_t k) {
  if constexpr (hn::MaxLanes(D()) * sizeof(T) <= 16) {
    return hn::LoadU(d, rows[0] + k);
  } else {
    const hn::Half<D> half;
    return hn::Combine(d, load_blocks(half, rows + hn::MaxLanes(half), k),
                       load_blocks(half, rows, k));
  }
}

// to[k * width + r] = rows[r][k] for a vector of rows and as many k as 128 bits hold.
HWY_INLINE void transpose_block(const float* const* rows, std::int64_t k, float* to,
                                std::int64_t width) {
  const hn::ScalableTag<float> d;
  const hn::RepartitionToWide<decltype(d)> wide;
  const auto a = load_blocks(d, rows, k), b = load_blocks(d, rows + 1, k);
  const auto c = load_blocks(d, rows + 2, k), e = load_blocks(d, rows + 3, k);
  const auto low_ab = hn::BitCast(wide, hn::InterleaveLower(d, a, b));
  const auto low_ce = hn::BitCast(wide, hn::InterleaveLower(d, c, e));
  const auto high_ab = hn::BitCast(wide, hn::InterleaveUpper(d, a, b));
  const auto high_ce = hn::BitCast(wide, hn::InterleaveUpper(d, c, e));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, low_ab, low_ce)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, low_ab, low_ce)), d, to + width);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(wide, high_ab, high_ce)), d, to + 2 * width);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(wide, high_ab, high_ce)), d, to + 3 * width);
}
HWY_INLINE void transpose_block(const double* const* rows, std::int64_t k, double* to,
                                std::int64_t width) {
  const hn::ScalableTag<double> d;
  const auto a = load_blocks(d, rows, k), b = load_blocks(d, rows + 1, k);
  hn::StoreU(hn::InterleaveLower(d, a, b), d, to);
  hn::StoreU(hn::InterleaveUpper(d, a, b), d, to + width);
}

/// A panel [k, width] of `count` rows that lie along k: panel[k * width + r] = from[r * ld + k].
/// The padding past `count` repeats the last row.
template <class T>
void pack_across(const T* from, std::int64_t ld, std::int64_t count, std::int64_t k,
                 std::int64_t width, T* panel) {
  constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(hn::ScalableTag<T>()));
  constexpr std::int64_t kStep = 16 / sizeof(T);
  for (std::int64_t first = 0; first < width; first += kLanes) {
    const T* rows[kLanes];
    for (std::int64_t r = 0; r < kLanes; ++r) {
      rows[r] = from + std::min(first + r, count - 1) * ld;
    }
    T* to = panel + first;
    std::int64_t i = 0;
    for (; i + kStep <= k; i += kStep) transpose_block(rows, i, to + i * width, width);
    for (; i < k; ++i) {
      for (std::int64_t r = 0; r < kLanes; ++r) to[i * width + r] = rows[r][i];
    }
  }
}

/// A panel [k, width] of `count` columns: panel[k * width + c] = from[k * ld + c], and 0
/// past `count`.
template <class T>
HWY_INLINE void pack_along(const T* from, std::int64_t ld, std::int64_t count, std::int64_t k,
                           std::int64_t width, T* panel) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (; k > 0; --k, from += ld, panel += width) {
    std::int64_t c = 0;
    for (; c + lanes <= count; c += lanes) hn::StoreU(hn::LoadU(d, from + c), d, panel + c);
    for (; c < width; c += lanes) {
      hn::StoreU(c < count ? load_some(from + c, count - c) : hn::Zero(d), d, panel + c);
    }
  }
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // CLIPK_GEMM_PACK_INL
