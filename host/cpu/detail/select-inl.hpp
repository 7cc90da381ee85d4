// Selection of the nearest from rows of distances; included once a Highway target.
#if defined(CLIPK_SELECT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPK_SELECT_INL
#undef CLIPK_SELECT_INL
#else
#define CLIPK_SELECT_INL
#endif

#include <hwy/highway.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "cpu/detail/candidate_list.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
inline constexpr T kNoLimit = std::numeric_limits<T>::infinity();

/// A bound that at least k of `count` distances do not exceed, so that an empty list need not take
/// and move what the first columns happen to hold: the k-th smallest of the minima of 2 x lanes
/// groups. False where there are too few, or where one is NaN.
template <class T>
bool bound_of_nearest(const T* row, std::int64_t count, int k, T& bound) {
  const hn::ScalableTag<T> tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  const std::int64_t groups = 2 * lanes;
  if (2 * k > groups || count < 4 * groups) return false;
  auto least0 = hn::LoadU(tag, row), least1 = hn::LoadU(tag, row + lanes);
  auto number = hn::And(hn::Eq(least0, least0), hn::Eq(least1, least1));
  for (std::int64_t j = groups; j + groups <= count; j += groups) {
    const auto a = hn::LoadU(tag, row + j);
    const auto b = hn::LoadU(tag, row + j + lanes);
    number = hn::And(number, hn::And(hn::Eq(a, a), hn::Eq(b, b)));
    least0 = hn::Min(least0, a);
    least1 = hn::Min(least1, b);
  }
  if (!hn::AllTrue(tag, number)) return false;
  HWY_ALIGN T minima[2 * HWY_MAX_BYTES / sizeof(T)];
  hn::Store(least0, tag, minima);
  hn::Store(least1, tag, minima + lanes);
  auto fewest = static_cast<std::size_t>(groups) + 1;
  for (std::int64_t g = 0; g < groups; ++g) {
    const auto value = hn::Set(tag, minima[g]);
    const std::size_t below =
        hn::CountTrue(tag, hn::Le(least0, value)) + hn::CountTrue(tag, hn::Le(least1, value));
    if (below < static_cast<std::size_t>(k) || below >= fewest) continue;
    fewest = below;
    bound = minima[g];
    if (below == static_cast<std::size_t>(k)) break;
  }
  return true;
}

// Takes what is nearer than the list's limit from `count` distances of columns first, first + 1...
// Once the list is full that is little: a compare of four vectors passes over the rest.
template <class T>
void select(const T* row, std::int64_t count, std::int64_t first, CandidateList<T>& list) {
  std::int64_t j = 0;
  T bound = 0;
  if (list.size == 0 && bound_of_nearest(row, count, list.k, bound)) {
    // At least k distances are below the next number, so the list is full at the row's end.
    list.limit = std::nextafter(bound, std::numeric_limits<T>::infinity());
  }
  for (; j < count && list.size < list.k && !(list.limit < kNoLimit<T>); ++j) {
    // NaN counts as infinitely far.
    const T key = row[j] == row[j] ? row[j] : std::numeric_limits<T>::infinity();
    list.add(key, static_cast<std::int32_t>(first + j));
  }
  const hn::ScalableTag<T> tag;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(tag));
  auto limit = hn::Set(tag, list.limit);
  const auto nearer = [&](std::int64_t c)
                          HWY_ATTR { return hn::Lt(hn::LoadU(tag, row + c), limit); };
  const auto take = [&](auto mask, std::int64_t begin) HWY_ATTR {
    std::uint8_t bytes[8] = {};
    hn::StoreMaskBits(tag, mask, bytes);
    std::uint64_t bits;
    std::memcpy(&bits, bytes, sizeof(bits));
    for (; bits != 0; bits &= bits - 1) {
      const std::int64_t c = begin + __builtin_ctzll(bits);
      if (row[c] < list.limit) list.add(row[c], static_cast<std::int32_t>(first + c));
    }
  };
  for (; j + 4 * lanes <= count; j += 4 * lanes) {
    const auto mask0 = nearer(j);
    const auto mask1 = nearer(j + lanes);
    const auto mask2 = nearer(j + 2 * lanes);
    const auto mask3 = nearer(j + 3 * lanes);
    if (hn::AllFalse(tag, hn::Or(hn::Or(mask0, mask1), hn::Or(mask2, mask3)))) continue;
    take(mask0, j);
    take(mask1, j + lanes);
    take(mask2, j + 2 * lanes);
    take(mask3, j + 3 * lanes);
    limit = hn::Set(tag, list.limit);
  }
  for (; j < count; ++j) {
    if (row[j] < list.limit) list.add(row[j], static_cast<std::int32_t>(first + j));
  }
}

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
