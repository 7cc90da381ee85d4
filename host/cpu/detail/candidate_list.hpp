#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

namespace clipk::cpu {

/// A column and its distance, ordered by distance and then by index.
template <class T>
class Candidate;

/// In one integer.
template <>
class Candidate<std::uint32_t> {
 public:
  Candidate() = default;
  Candidate(std::uint32_t key, std::int32_t index)
      : bits_(std::uint64_t{key} << 32 | static_cast<std::uint32_t>(index)) {}
  std::uint32_t key() const { return static_cast<std::uint32_t>(bits_ >> 32); }
  std::int32_t index() const { return static_cast<std::int32_t>(bits_); }
  friend bool operator<(Candidate a, Candidate b) { return a.bits_ < b.bits_; }

 private:
  std::uint64_t bits_;
};

/// In one integer: floats that are not negative are ordered as their bits.
template <>
class Candidate<float> {
 public:
  Candidate() = default;
  Candidate(float key, std::int32_t index)
      : bits_(std::uint64_t{std::bit_cast<std::uint32_t>(key)} << 32 |
              static_cast<std::uint32_t>(index)) {}
  float key() const { return std::bit_cast<float>(static_cast<std::uint32_t>(bits_ >> 32)); }
  std::int32_t index() const { return static_cast<std::int32_t>(bits_); }
  friend bool operator<(Candidate a, Candidate b) { return a.bits_ < b.bits_; }

 private:
  std::uint64_t bits_;
};

template <>
class Candidate<double> {
 public:
  Candidate() = default;
  Candidate(double key, std::int32_t index) : key_(key), index_(index) {}
  double key() const { return key_; }
  std::int32_t index() const { return index_; }
  friend bool operator<(const Candidate& a, const Candidate& b) {
    return a.key_ < b.key_ || (a.key_ == b.key_ && a.index_ < b.index_);
  }

 private:
  double key_;
  std::int32_t index_;
};

/// Lists up to this long are kept sorted; longer ones collect twice as many and are cut down when
/// they are full, which costs a candidate much less than to move half of the list.
inline constexpr std::int64_t kSortedList = 16;

/// The k nearest of the columns given so far. Columns come in ascending order of index, so one at
/// the distance of the list's last is not among them.
template <class T>
struct CandidateList {
  CandidateList() = default;
  CandidateList(Candidate<T>* items_, int k_, int capacity_)
      : items(items_), k(k_), capacity(capacity_) {}

  Candidate<T>* items = nullptr;
  int k = 0;
  int capacity = 0;
  int size = 0;
  /// What is not below it need not be added; at first more than any key.
  T limit = std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity()
                                                 : std::numeric_limits<T>::max();

  void add(T key, std::int32_t index) {
    const Candidate<T> candidate(key, index);
    if (capacity == k) {
      int place = size < k ? size++ : k - 1;
      for (; place > 0 && candidate < items[place - 1]; --place) items[place] = items[place - 1];
      items[place] = candidate;
      if (size == k) limit = items[k - 1].key();
      return;
    }
    items[size++] = candidate;
    if (size < capacity) return;
    std::nth_element(items, items + k - 1, items + size);
    size = k;
    limit = items[k - 1].key();
  }

  /// Sorts the list and returns its length.
  int finish() {
    std::sort(items, items + size);
    return std::min(size, k);
  }
};

}  // namespace clipk::cpu
