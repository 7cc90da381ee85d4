// Sums along a row that are the same on every target: element j is added to lane j mod 16 (8 for
// doubles), or mod a multiple of that, and the lanes are added by halves. The lanes may be spread
// over several vectors. Included once per Highway target.
#if defined(CLIPK_VIRTUAL_LANES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPK_VIRTUAL_LANES_INL
#undef CLIPK_VIRTUAL_LANES_INL
#else
#define CLIPK_VIRTUAL_LANES_INL
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <type_traits>

#include "core/row_lanes-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Lanes of a block: one vector of AVX-512, two of AVX2, four of NEON.
template <class T>
inline constexpr std::int64_t kBlockLanes = 64 / sizeof(T);
/// Lanes of a vector, by the macro: GCC 14 does not evaluate hn::MaxLanes here when a template is
/// the first to use it.
template <class T>
inline constexpr std::int64_t kVectorLanes = HWY_LANES(T);
/// The number of vectors in `blocks` blocks.
template <class T, int kBlocks = 1>
inline constexpr int kBlockVectors = kBlocks* kBlockLanes<T> / kVectorLanes<T>;

/// The sum of a vector's lanes: the upper half is added to the lower one until one lane is left.
#if HWY_TARGET == HWY_SCALAR
template <class D, class V>
HWY_INLINE hn::TFromD<D> sum_of_lanes(D, V v) {
  return hn::GetLane(v);
}
#else
template <class D, class V>
HWY_INLINE hn::TFromD<D> sum_of_lanes(D, V v) {
  if constexpr (hn::MaxLanes(D()) == 1) {
    return hn::GetLane(v);
  } else {
    const hn::Half<D> half;
    return sum_of_lanes(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}
#endif
/// The sum of all lanes, as if these vectors were one.
template <class D, class V, int kVectors>
HWY_INLINE hn::TFromD<D> sum_of_vectors(D d, const V (&vectors)[kVectors]) {
  V sum[kVectors];
  for (int v = 0; v < kVectors; ++v) sum[v] = vectors[v];
  for (int half = kVectors / 2; half > 0; half /= 2) {
    for (int v = 0; v < half; ++v) sum[v] = hn::Add(sum[v], sum[v + half]);
  }
  return sum_of_lanes(d, sum[0]);
}

/// A sum in the lanes of one or more blocks; with more blocks, more additions are in flight.
template <class T, int kBlocks = 1>
struct LaneSum {
  static_assert(kBlockLanes<T> % kVectorLanes<T> == 0);
  using Tag = hn::ScalableTag<T>;

  HWY_INLINE LaneSum() {
    for (auto& lanes : vector) lanes = hn::Zero(Tag());
  }

  HWY_INLINE T total() const { return sum_of_vectors(Tag(), vector); }

  hn::Vec<Tag> vector[kBlockVectors<T, kBlocks>];
};

/// A whole vector in a row of T, or of floats where T is double.
template <class T>
struct WholePlace {
  using Tag = hn::ScalableTag<T>;
  template <class U>
  HWY_INLINE hn::Vec<Tag> load(const U* from) const {
    const hn::Rebind<U, Tag> narrow;
    if constexpr (std::is_same_v<T, U>) {
      return hn::LoadU(narrow, from);
    } else {
      return hn::PromoteTo(Tag(), hn::LoadU(narrow, from));
    }
  }
  HWY_INLINE void store(hn::Vec<Tag> v, T* to) const { hn::StoreU(v, Tag(), to); }
  /// `v`, and `other` in lanes past the row's end.
  HWY_INLINE hn::Vec<Tag> inside(hn::Vec<Tag> v, T) const { return v; }
};

/// A vector at a row's end, which may reach beyond it: lanes past the end load as zero and are
/// not stored.
template <class T>
struct LastPlace {
  using Tag = hn::ScalableTag<T>;
  std::int64_t count;

  template <class U>
  HWY_INLINE hn::Vec<Tag> load(const U* from) const {
    if constexpr (std::is_same_v<T, U>) {
      return load_some(from, count);
    } else {
      if (count >= kVectorLanes<T>) return WholePlace<T>().load(from);
      const hn::Rebind<U, Tag> narrow;
#if HWY_MEM_OPS_MIGHT_FAULT
      HWY_ALIGN U buffer[hn::MaxLanes(narrow)] = {};
      for (std::int64_t i = 0; i < count; ++i) buffer[i] = from[i];
      return hn::PromoteTo(Tag(), hn::Load(narrow, buffer));
#else
      const auto first = hn::FirstN(narrow, static_cast<std::size_t>(count));
      return hn::PromoteTo(Tag(), hn::MaskedLoad(first, narrow, from));
#endif
    }
  }
  HWY_INLINE void store(hn::Vec<Tag> v, T* to) const {
    store_some<T>(v, to, count);
  }
  HWY_INLINE hn::Vec<Tag> inside(hn::Vec<Tag> v, T other) const {
    const auto first = hn::FirstN(Tag(), static_cast<std::size_t>(count));
    return hn::IfThenElse(first, v, hn::Set(Tag(), other));
  }
};

/// Calls step(place, j, v) along a row of n elements: the vector at j, which is vector v of a
/// LaneSum of `blocks` blocks.
template <class T, int kBlocks = 1, class Step>
HWY_INLINE void for_lanes(std::int64_t n, Step&& step) {
  constexpr int kVectors = kBlockVectors<T, kBlocks>;
  constexpr std::int64_t kLanes = kVectors * kVectorLanes<T>;
  std::int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    for (int v = 0; v < kVectors; ++v) step(WholePlace<T>(), j + v * kVectorLanes<T>, v);
  }
  if (j == n) return;
  for (int v = 0; v < kVectors; ++v) {
    const std::int64_t at = j + v * kVectorLanes<T>;
    if (at < n) step(LastPlace<T>{n - at}, at, v);
  }
}

/// The sum of term(place, j) squared.
template <class T, int kBlocks = 1, class Term>
HWY_INLINE T sum_of_squares(std::int64_t n, const Term& term) {
  LaneSum<T, kBlocks> sum;
  for_lanes<T, kBlocks>(n, [&](auto place, std::int64_t j, int v) HWY_ATTR {
    const auto value = term(place, j);
    sum.vector[v] = hn::MulAdd(value, value, sum.vector[v]);
  });
  return sum.total();
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // CLIPK_VIRTUAL_LANES_INL
