// Groups of distances of an n x m block, as keys of a sort: group by group, each by value.
#pragma once

#include "clipk/core/view.hpp"
#include "kernels/detail/portable.cuh"

namespace clipk::gpu {

/// Some groups of a block, from `first` on; `size` distances each, numbered within their group. By
/// rows a group is a row, by columns a column; else there is one group, the block row by row.
struct QuadGroups {
  enum class Kind : int { rows, cols, block };

  Kind kind;
  bool self;            // i = j, and of a block also i > j, are left out
  std::int64_t n, m;    // of the block
  std::int64_t first;   // group
  std::int64_t groups;  // how many
  std::int64_t size;    // of one
  std::int64_t valid;   // of one, those not left out: they sort before the others
  std::int64_t count() const { return groups * size; }

  /// Row and column of a distance of group g.
  __host__ __device__ __forceinline__ std::int64_t row(std::int64_t g, std::int64_t at) const {
    return kind == Kind::rows ? first + g : kind == Kind::cols ? at : at / m;
  }
  __host__ __device__ __forceinline__ std::int64_t col(std::int64_t g, std::int64_t at) const {
    return kind == Kind::rows ? at : kind == Kind::cols ? first + g : at % m;
  }
  __device__ __forceinline__ bool left_out(std::int64_t i, std::int64_t j) const {
    return self && (kind == Kind::block ? j <= i : j == i);
  }
};

/// Calls f(groups) for pieces of the groups that a sort takes at once.
template <class F>
void for_quad_groups(QuadGroups::Kind kind, bool self, std::int64_t n, std::int64_t m, F&& f) {
  constexpr std::int64_t kMost = std::int64_t{1} << 22;
  using Kind = QuadGroups::Kind;
  const std::int64_t all = kind == Kind::rows ? n : kind == Kind::cols ? m : 1;
  const std::int64_t size = n * m / all;
  const std::int64_t valid = !self ? size : kind == Kind::block ? n * (n - 1) / 2 : size - 1;
  const std::int64_t step = size < kMost ? kMost / size : 1;
  for (std::int64_t first = 0; first < all; first += step) {
    f(QuadGroups{kind, self, n, m, first, step < all - first ? step : all - first, size, valid});
  }
}

inline constexpr unsigned kLeftOut = 0xffffffffu;

/// Keeps the order of floats that are not NaN; -0 is 0.
__device__ __forceinline__ unsigned ordered_bits(float value) {
  const unsigned bits = __float_as_uint(value + 0.f);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}
__device__ __forceinline__ float from_ordered(unsigned bits) {
  return __uint_as_float((bits & 0x80000000u) != 0 ? bits ^ 0x80000000u : ~bits);
}
__device__ __forceinline__ unsigned value_bits(std::uint64_t key) {
  return static_cast<unsigned>(key);
}

/// The first of [low, high) for which `before` does not hold; it holds for those before that one.
template <class Before>
__device__ __forceinline__ std::int64_t first_not(std::int64_t low, std::int64_t high,
                                                  Before before) {
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (before(middle)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace clipk::gpu
