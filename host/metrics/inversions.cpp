#include "metrics/inversions.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/parallel.hpp"

namespace clipk {
namespace {

constexpr std::int64_t kRun = 16;         // sorted by insertion
constexpr std::int64_t kLeaf = 1 << 15;   // sorted by one task, within the cache
constexpr std::int64_t kPiece = 1 << 17;  // values of the left run that one task merges

template <class T>
std::uint64_t insertion_sort(T* values, std::int64_t n) {
  std::uint64_t inversions = 0;
  for (std::int64_t i = 1; i < n; ++i) {
    const T value = values[i];
    std::int64_t j = i;
    for (; j > 0 && values[j - 1] > value; --j) values[j] = values[j - 1];
    values[j] = value;
    inversions += static_cast<std::uint64_t>(i - j);
  }
  return inversions;
}

// Merges [a, a_end) and [b, b_end) to out, ties from the left. Every value taken from the
// right passes all remaining values of the left run. The loop has no branches on the data,
// which are random.
template <class T>
std::uint64_t merge(const T* a, const T* a_end, const T* b, const T* b_end, T* out) {
  std::uint64_t inversions = 0;
  while (a != a_end && b != b_end) {
    const T left = *a;
    const T right = *b;
    const bool from_right = right < left;
    *out++ = from_right ? right : left;
    inversions += static_cast<std::uint64_t>(a_end - a) & (std::uint64_t{0} - from_right);
    a += !from_right;
    b += from_right;
  }
  std::copy(b, b_end, std::copy(a, a_end, out));
  return inversions;
}

// Sorts one leaf, from `values` to `values`.
template <class T>
std::uint64_t sort_leaf(T* values, T* buffer, std::int64_t n) {
  std::uint64_t inversions = 0;
  for (std::int64_t i = 0; i < n; i += kRun) {
    inversions += insertion_sort(values + i, std::min(kRun, n - i));
  }
  T* from = values;
  T* to = buffer;
  for (std::int64_t width = kRun; width < n; width *= 2) {
    for (std::int64_t i = 0; i < n; i += 2 * width) {
      const std::int64_t middle = std::min(i + width, n);
      const std::int64_t end = std::min(i + 2 * width, n);
      inversions += merge(from + i, from + middle, from + middle, from + end, to + i);
    }
    std::swap(from, to);
  }
  if (from != values) std::copy(from, from + n, values);
  return inversions;
}

// Does piece `piece` of the merge of the runs [first, middle) and [middle, end): the left run is
// cut at multiples of kPiece, the right one at the positions of the cut values.
template <class T>
std::uint64_t merge_piece(const T* from, T* to, std::int64_t first, std::int64_t middle,
                          std::int64_t end, std::int64_t piece) {
  const std::int64_t left = std::min(first + piece * kPiece, middle);
  const std::int64_t left_end = std::min(left + kPiece, middle);
  const auto cut = [&](std::int64_t at) {
    return std::lower_bound(from + middle, from + end, from[at]) - from;
  };
  const std::int64_t right = piece == 0 ? middle : cut(left);
  const std::int64_t right_end = left_end == middle ? end : cut(left_end);
  T* out = to + left + (right - middle);
  // Values of the right piece also pass the later pieces of the left run.
  const auto later = static_cast<std::uint64_t>(middle - left_end);
  return later * static_cast<std::uint64_t>(right_end - right) +
         merge(from + left, from + left_end, from + right, from + right_end, out);
}

template <class T>
Sorted<T> sort(int threads, T* values, T* buffer, std::int64_t n) {
  std::atomic<std::uint64_t> inversions = 0;
  cpu::parallel_chunks(threads, n, kLeaf, [&](std::int64_t first, std::int64_t count) {
    inversions += sort_leaf(values + first, buffer + first, count);
  });
  for (std::int64_t width = kLeaf; width < n; width *= 2) {
    const std::int64_t merges = (n + 2 * width - 1) / (2 * width);
    const std::int64_t pieces = (width + kPiece - 1) / kPiece;
    cpu::parallel_for(threads, merges * pieces, [&](std::int64_t task) {
      const std::int64_t first = task / pieces * 2 * width;
      const std::int64_t middle = std::min(first + width, n);
      const std::int64_t piece = task % pieces;
      if (piece > 0 && first + piece * kPiece >= middle) return;
      inversions += merge_piece(values, buffer, first, middle, std::min(middle + width, n), piece);
    });
    std::swap(values, buffer);
  }
  return {values, inversions};
}

}  // namespace

Sorted<std::uint32_t> sort_counting(int threads, std::uint32_t* values, std::uint32_t* buffer,
                                    std::int64_t n) {
  return sort(threads, values, buffer, n);
}
Sorted<std::uint64_t> sort_counting(int threads, std::uint64_t* values, std::uint64_t* buffer,
                                    std::int64_t n) {
  return sort(threads, values, buffer, n);
}

}  // namespace clipk
