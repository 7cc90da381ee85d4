// Element-wise work on the rows of a matrix, one vector at a time; included once per
// Highway target.
#if defined(CLIPK_ROW_LANES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPK_ROW_LANES_INL
#undef CLIPK_ROW_LANES_INL
#else
#define CLIPK_ROW_LANES_INL
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// A whole vector's place in a row.
template <class T>
struct WholeVector {
  using Tag = hn::ScalableTag<T>;
  static HWY_INLINE hn::Vec<Tag> load(const T* from) { return hn::LoadU(Tag(), from); }
  static HWY_INLINE void store(hn::Vec<Tag> v, T* to) { hn::StoreU(v, Tag(), to); }
};

/// The partial vector at a row's end: lanes past the end load as zero and are not stored.
template <class T>
struct PartVector {
  using Tag = hn::ScalableTag<T>;
  std::size_t count;

#if HWY_MEM_OPS_MIGHT_FAULT  // masked accesses touch memory past the end
  HWY_INLINE hn::Vec<Tag> load(const T* from) const {
    HWY_ALIGN T buffer[HWY_MAX_BYTES / sizeof(T)] = {};
    for (std::size_t i = 0; i < count; ++i) buffer[i] = from[i];
    return hn::Load(Tag(), buffer);
  }
  HWY_INLINE void store(hn::Vec<Tag> v, T* to) const {
    HWY_ALIGN T buffer[HWY_MAX_BYTES / sizeof(T)];
    hn::Store(v, Tag(), buffer);
    for (std::size_t i = 0; i < count; ++i) to[i] = buffer[i];
  }
#else
  HWY_INLINE hn::Vec<Tag> load(const T* from) const {
    return hn::MaskedLoad(hn::FirstN(Tag(), count), Tag(), from);
  }
  HWY_INLINE void store(hn::Vec<Tag> v, T* to) const {
    hn::BlendedStore(v, hn::FirstN(Tag(), count), Tag(), to);
  }
#endif
};

/// `count` elements, or a whole vector where there are more; the lanes past them are 0.
template <class T>
HWY_INLINE hn::Vec<hn::ScalableTag<T>> load_some(const T* from, std::int64_t count) {
  const hn::ScalableTag<T> d;
  if (count >= static_cast<std::int64_t>(hn::Lanes(d))) return hn::LoadU(d, from);
  return PartVector<T>{static_cast<std::size_t>(count)}.load(from);
}
/// Stores `count` elements, or a whole vector where there are more; nothing past them is written.
template <class T>
HWY_INLINE void store_some(hn::Vec<hn::ScalableTag<T>> v, T* to, std::int64_t count) {
  const hn::ScalableTag<T> d;
  if (count >= static_cast<std::int64_t>(hn::Lanes(d))) return hn::StoreU(v, d, to);
  PartVector<T>{static_cast<std::size_t>(count)}.store(v, to);
}

/// Calls step(place, j) along a row of n elements.
template <class T, class Step>
HWY_INLINE void for_row(std::int64_t n, Step&& step) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  std::int64_t j = 0;
  for (; j + lanes <= n; j += lanes) step(WholeVector<T>(), j);
  if (j < n) step(PartVector<T>{static_cast<std::size_t>(n - j)}, j);
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // CLIPK_ROW_LANES_INL
