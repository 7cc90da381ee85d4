#include "cpu/detail/full_quad_counts.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/detail/full_quad_counts.cpp"
#include <hwy/foreach_target.h>  // compiles this file once a target; must come before highway.h
#include <hwy/highway.h>

#include <algorithm>
#include <bit>

// All counts are integers: no result depends on the order of the work, nor on the target.

HWY_BEFORE_NAMESPACE();
namespace clipk::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline constexpr std::int64_t kAhead = 16;  // distances after the one in work

/// Which slots are taken, and how many below a slot. A node of the tree holds the number of slots
/// taken under those of its 15 siblings that come before it.
class RankSet {
 public:
  RankSet(const RankSetShape& shape, const RankSetMemory& memory)
      : shape_(shape), words_(memory.words), sums_(memory.sums) {
    std::fill_n(words_, shape.words, std::uint64_t{0});
    std::fill_n(sums_, shape.sums, 0);
  }

  /// Takes a slot; build() must follow.
  void mark(std::int64_t slot) { words_[slot / 64] |= std::uint64_t{1} << (slot % 64); }
  void build() {
    for (std::int64_t w = 0; w < shape_.words; ++w) {
      sums_[w] = static_cast<std::int32_t>(std::popcount(words_[w]));
    }
    std::int64_t nodes = shape_.words;
    for (int l = 0; l < shape_.levels; ++l) {
      std::int32_t* const level = sums_ + shape_.level[l];
      for (std::int64_t first = 0; first < nodes; first += 16) {
        std::int32_t before = 0;
        for (std::int64_t i = first; i < first + 16; ++i) {
          const std::int32_t own = level[i];
          level[i] = before;
          before += own;
        }
        if (l + 1 < shape_.levels) sums_[shape_.level[l + 1] + first / 16] = before;
      }
      nodes = (nodes + 15) / 16;
    }
  }

  HWY_INLINE void insert(std::int64_t slot) {
    mark(slot);
    const hn::CappedTag<std::int32_t, 16> d;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    std::int64_t node = slot / 64;
    for (int l = 0; l < shape_.levels; ++l) {
      std::int32_t* const line = sums_ + shape_.level[l] + node / 16 * 16;
      // The 16 values from there on are one for those lanes that come after the node.
      const std::int32_t* const later = kSteps + 15 - node % 16;
      for (std::int64_t i = 0; i < 16; i += lanes) {
        hn::StoreU(hn::Add(hn::LoadU(d, line + i), hn::LoadU(d, later + i)), d, line + i);
      }
      node /= 16;
    }
  }

  /// Large sets do not fit into the cache: brings a slot's part of one there.
  HWY_INLINE void fetch(std::int64_t slot) const {
    __builtin_prefetch(words_ + slot / 64, 1);
    __builtin_prefetch(sums_ + slot / 64, 1);
  }

  /// Taken slots below `slot`.
  HWY_INLINE std::int64_t below(std::int64_t slot) const {
    std::int64_t node = slot / 64;
    const std::uint64_t low = words_[node] & ((std::uint64_t{1} << (slot % 64)) - 1);
    std::int64_t sum = std::popcount(low);
    for (int l = 0; l < shape_.levels; ++l) {
      sum += sums_[shape_.level[l] + node];
      node /= 16;
    }
    return sum;
  }

 private:
  alignas(64) static constexpr std::int32_t kSteps[32] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                                          0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1,
                                                          1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  const RankSetShape& shape_;
  std::uint64_t* words_;
  std::int32_t* sums_;
};

// Two sets follow the sweep over e: of the distances below margin + e_k, among which those of a
// higher rank are active q of k; and of the p whose margin + e_p is not above e_k, among which
// those of a lower rank are the inactive p of k.
template <class T>
std::int64_t sweep(const SortedGroup<T>& group, std::int64_t first, std::int64_t last,
                   const RankSetShape& shape, const RankSetMemory (&memory)[2]) {
  const std::int64_t n = group.size;
  const auto e = [&](std::int64_t k) { return group.items[k].value(); };
  const auto limit = [&](std::int64_t k) { return group.margin + e(k); };
  const auto may_be_p = [&](std::int64_t k) {
    return group.is_near == nullptr || group.is_near[group.items[k].place] != 0;
  };
  // Where a piece begins, both sets hold what came before.
  const auto start = [&](const auto& before) {
    std::int64_t low = 0, high = n;
    while (low < high) {
      const std::int64_t middle = (low + high) / 2;
      if (before(middle)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  };
  RankSet nearer(shape, memory[0]), inactive(shape, memory[1]);
  std::int64_t u = start([&](std::int64_t k) { return e(k) < limit(first); });
  std::int64_t v = start([&](std::int64_t k) { return limit(k) <= e(first); });
  if (first > 0) {
    for (std::int64_t k = 0; k < u; ++k) nearer.mark(group.slots[k]);
    for (std::int64_t k = 0; k < v; ++k) {
      if (may_be_p(k)) inactive.mark(group.slots[k]);
    }
    nearer.build();
    inactive.build();
  } else {
    for (std::int64_t k = 0; k < u; ++k) nearer.insert(group.slots[k]);
    for (std::int64_t k = 0; k < v; ++k) {
      if (may_be_p(k)) inactive.insert(group.slots[k]);
    }
  }
  std::int64_t active = 0;
  for (std::int64_t k = first; k < last; ++k) {
    const T own = e(k), most = group.margin + own;
    const std::int64_t ahead = std::min(k + kAhead, n - 1);
    nearer.fetch(group.ranks[ahead]);
    inactive.fetch(group.ranks[ahead]);
    __builtin_prefetch(group.counts + group.items[ahead].place, 1);
    if (group.tied != nullptr) __builtin_prefetch(group.tied + group.ranks[ahead]);
    for (; u < n && e(u) < most; ++u) {
      nearer.fetch(group.slots[std::min(u + kAhead, n - 1)]);
      nearer.insert(group.slots[u]);
    }
    for (; v < n && limit(v) <= own; ++v) {
      inactive.fetch(group.slots[std::min(v + kAhead, n - 1)]);
      if (may_be_p(v)) inactive.insert(group.slots[v]);
    }
    const std::int64_t rank = group.ranks[k];
    const std::int64_t all = group.near == 0 ? rank : std::min(group.near, rank);
    std::int64_t count = inactive.below(rank) - all;
    if (may_be_p(k)) {
      // Of those that share the rank, the ones in the set have its first slots.
      const std::int64_t above = rank + (group.tied == nullptr ? 1 : group.tied[rank]);
      const std::int64_t plus = u - nearer.below(above);
      active += plus;
      count += plus;
    }
    group.counts[group.items[k].place] = static_cast<std::int32_t>(count);
  }
  return active;
}

template <class T>
std::int64_t compare_all(const NearGroup<T>& group) {
  constexpr std::int64_t kBlock = 512;
  HWY_ALIGN std::int32_t minus[kBlock];
  std::int64_t active = 0;
  std::fill_n(group.counts, group.size, 0);
  for (std::int64_t first = 0; first < group.size; first += kBlock) {
    const std::int64_t count = std::min(kBlock, group.size - first);
    const T* HWY_RESTRICT e = group.e + first;
    const std::int32_t* HWY_RESTRICT ranks = group.ranks + first;
    std::fill_n(minus, kBlock, 0);
    for (std::int64_t t = 0; t < group.near; ++t) {
      const std::int32_t p = group.list[t];
      const std::int32_t rank = group.ranks[p];
      const T most = group.margin + group.e[p];
      std::int32_t plus = 0;
      for (std::int64_t j = 0; j < count; ++j) {
        const std::int32_t one =
            static_cast<std::int32_t>(ranks[j] > rank) & static_cast<std::int32_t>(e[j] < most);
        minus[j] += one;
        plus += one;
      }
      group.counts[p] += plus;
      active += plus;
    }
    for (std::int64_t j = 0; j < count; ++j) group.counts[first + j] -= minus[j];
  }
  return active;
}

#define CLIPK_FULL_QUAD_COUNTS(T, suffix)                                                         \
  std::int64_t sweep_##suffix(const SortedGroup<T>& group, std::int64_t first, std::int64_t last, \
                              const RankSetShape& shape, const RankSetMemory(&memory)[2]) {       \
    return sweep(group, first, last, shape, memory);                                              \
  }                                                                                               \
  std::int64_t compare_all_##suffix(const NearGroup<T>& group) {                                  \
    return compare_all(group);                                                                    \
  }
CLIPK_FULL_QUAD_COUNTS(float, float)
CLIPK_FULL_QUAD_COUNTS(double, double)
#undef CLIPK_FULL_QUAD_COUNTS

}  // namespace clipk::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clipk::cpu {

HWY_EXPORT(sweep_float);
HWY_EXPORT(sweep_double);
HWY_EXPORT(compare_all_float);
HWY_EXPORT(compare_all_double);

// A slot may also be one past the last.
RankSetShape::RankSetShape(std::int64_t size) : words(size / 64 + 1), sums(0), level{}, levels(0) {
  for (std::int64_t nodes = words;; nodes = (nodes + 15) / 16) {
    level[levels++] = sums;
    sums += (nodes + 15) / 16 * 16;
    if (nodes <= 16) break;
  }
}

std::int64_t count_sorted(const SortedGroup<float>& group, std::int64_t first, std::int64_t last,
                          const RankSetShape& shape, const RankSetMemory (&memory)[2]) {
  return HWY_DYNAMIC_DISPATCH(sweep_float)(group, first, last, shape, memory);
}
std::int64_t count_sorted(const SortedGroup<double>& group, std::int64_t first, std::int64_t last,
                          const RankSetShape& shape, const RankSetMemory (&memory)[2]) {
  return HWY_DYNAMIC_DISPATCH(sweep_double)(group, first, last, shape, memory);
}
std::int64_t count_near(const NearGroup<float>& group) {
  return HWY_DYNAMIC_DISPATCH(compare_all_float)(group);
}
std::int64_t count_near(const NearGroup<double>& group) {
  return HWY_DYNAMIC_DISPATCH(compare_all_double)(group);
}

}  // namespace clipk::cpu
#endif
