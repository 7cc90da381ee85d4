#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "core/parallel.hpp"

// Values sorted with the places that they came from: a radix sort, of which the order of equal
// values is that of their places.
namespace clipk::cpu {

/// A value as an unsigned integer of the same order, and its place.
template <class T>
struct SortItem {
  using Key = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  static constexpr Key kSign = Key{1} << (8 * sizeof(T) - 1);

  static SortItem of(T value, std::int32_t place) {
    const Key bits = std::bit_cast<Key>(value + T{0});  // -0 as 0
    return {(bits & kSign) != 0 ? ~bits : bits | kSign, place};
  }
  T value() const { return std::bit_cast<T>((key & kSign) != 0 ? key ^ kSign : ~key); }
  bool operator<(const SortItem& other) const {
    return key != other.key ? key < other.key : place < other.place;
  }

  Key key;
  std::int32_t place;
};

inline constexpr int kSortDigit = 11;
inline constexpr std::int64_t kSortDigits = std::int64_t{1} << kSortDigit;

/// Integers of scratch that sort_items needs.
inline std::int64_t sort_counts(int threads) {
  return threads * kSortDigits;
}

/// Sorts n items whose places ascend. @returns where they lie sorted: in `items` or in `spare`.
template <class T>
SortItem<T>* sort_items(int threads, SortItem<T>* items, SortItem<T>* spare, std::int64_t n,
                        std::uint32_t* counts) {
  constexpr std::int64_t kSmall = 512;
  constexpr std::int64_t kParallel = 1 << 17;
  if (n <= kSmall) {
    std::sort(items, items + n);
    return items;
  }
  // The result is the same for any number of pieces.
  const std::int64_t pieces = n < kParallel ? 1 : threads;
  const std::int64_t grain = (n + pieces - 1) / pieces;
  for (int shift = 0; shift < static_cast<int>(8 * sizeof(T)); shift += kSortDigit) {
    const auto digit = [shift](const SortItem<T>& item) {
      return static_cast<std::int64_t>(item.key >> shift) & (kSortDigits - 1);
    };
    const auto of_piece = [&](std::int64_t first) { return counts + first / grain * kSortDigits; };
    std::fill_n(counts, pieces * kSortDigits, 0u);
    parallel_chunks(threads, n, grain, [&](std::int64_t first, std::int64_t count) {
      std::uint32_t* const own = of_piece(first);
      for (std::int64_t i = first; i < first + count; ++i) ++own[digit(items[i])];
    });
    std::uint32_t before = 0;
    bool one_digit = false;
    for (std::int64_t d = 0; d < kSortDigits; ++d) {
      const std::uint32_t start = before;
      for (std::int64_t piece = 0; piece < pieces; ++piece) {
        std::uint32_t& count = counts[piece * kSortDigits + d];
        const std::uint32_t here = count;
        count = before;
        before += here;
      }
      one_digit = one_digit || before - start == n;
    }
    if (one_digit) continue;
    parallel_chunks(threads, n, grain, [&](std::int64_t first, std::int64_t count) {
      std::uint32_t* const own = of_piece(first);
      for (std::int64_t i = first; i < first + count; ++i) {
        spare[own[digit(items[i])]++] = items[i];
      }
    });
    std::swap(items, spare);
  }
  return items;
}

}  // namespace clipk::cpu
