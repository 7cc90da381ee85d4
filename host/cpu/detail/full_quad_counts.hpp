#pragma once

#include <cstdint>

#include "cpu/detail/value_sort.hpp"

// Active quadruples of a group of distances: a pair (p, q) with rank_p < rank_q and
// e_q < margin + e_p. The count of a distance is the number of those whose p it is, less those
// whose q it is.
namespace clipk::cpu {

/// A group sorted by e, by place in that order where nothing else is said.
template <class T>
struct SortedGroup {
  std::int64_t size;
  T margin;
  const SortItem<T>* items;
  const std::int32_t* ranks;    ///< of d
  const std::int32_t* slots;    ///< ranks that no two share: those of a tie are numbered on
  const std::int32_t* tied;     ///< how many share a rank, by rank; null if none do
  const std::uint8_t* is_near;  ///< which may be p, by place in the group; null: all
  std::int64_t near;            ///< how many may be; 0: all
  std::int32_t* counts;         ///< to be written, by place in the group
};

/// Memory of a set of slots: bits, and their sums in a tree of 16 branches.
struct RankSetShape {
  static constexpr int kMostLevels = 8;

  explicit RankSetShape(std::int64_t size);

  std::int64_t words;
  std::int64_t sums;  ///< 32-bit
  std::int64_t level[kMostLevels];
  int levels;
};
struct RankSetMemory {
  std::uint64_t* words;
  std::int32_t* sums;
};

/// Counts of items first ... last - 1. @returns the active quadruples whose p is among them.
std::int64_t count_sorted(const SortedGroup<float>& group, std::int64_t first, std::int64_t last,
                          const RankSetShape& shape, const RankSetMemory (&memory)[2]);
std::int64_t count_sorted(const SortedGroup<double>& group, std::int64_t first, std::int64_t last,
                          const RankSetShape& shape, const RankSetMemory (&memory)[2]);

/// A group where `near` distances may be p: each is compared with all others.
template <class T>
struct NearGroup {
  std::int64_t size;
  T margin;
  const T* e;
  const std::int32_t* ranks;
  const std::int32_t* list;  ///< [near]
  std::int64_t near;
  std::int32_t* counts;  ///< to be written
};
/// @returns the active quadruples.
std::int64_t count_near(const NearGroup<float>& group);
std::int64_t count_near(const NearGroup<double>& group);

}  // namespace clipk::cpu
