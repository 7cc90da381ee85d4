// Selection of the nearest from rows of distances; included once a Highway target.
#if defined(CLIPK_SELECT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef CLIPK_SELECT_INL
#undef CLIPK_SELECT_INL
#else
#define CLIPK_SELECT_INL
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>
#include <limits>

#include "cpu/candidate_list.hpp"

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Takes what is nearer than the list's limit from `count` distances of columns first, first + 1...
// Once the list is full that is little: a compare of four vectors passes over the rest.
template <class T>
void select(const T* row, std::int64_t count, std::int64_t first, CandidateList<T>& list) {
  std::int64_t j = 0;
  for (; j < count && list.size < list.k; ++j) {
    // Not a number counts as infinitely far.
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
