#pragma once

#include <cstdint>

#include "shared/host_device.hpp"

// How quadruples follow from random bits. The CPU backend, the CUDA backend and a replay share this
// code. A block is random_block(seed, RandomStream::quadruples, low 32 bits of step, index).
namespace clipk {

/// [0, n) from 32 random bits, as random_below.
CLIPK_HOST_DEVICE constexpr std::uint32_t quad_below(std::uint32_t bits, std::uint32_t n) {
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(bits) * n) >> 32);
}

/// A column other than `skip` out of [0, n), for distances within one set.
CLIPK_HOST_DEVICE constexpr std::uint32_t quad_below_skip(std::uint32_t bits, std::uint32_t n,
                                                          std::uint32_t skip) {
  const std::uint32_t column = quad_below(bits, n - 1);
  return column + (column >= skip ? 1 : 0);
}

/// Draw by query. Quadruple number q + t * queries is the t-th of query q, and q has this many:
CLIPK_HOST_DEVICE constexpr std::int64_t quads_of_query(std::int64_t count, std::int64_t queries,
                                                        std::int64_t q) {
  return count / queries + (q < count % queries ? 1 : 0);
}
/// The block of query q's t-th quadruple; a block holds two. Word 2 (t % 2) gives the place in the
/// list of the query's nearest, word 2 (t % 2) + 1 the other column (within one set, any but the
/// query itself).
CLIPK_HOST_DEVICE constexpr std::uint64_t quad_query_block(std::int64_t q, std::int64_t t) {
  return static_cast<std::uint64_t>(q) << 32 | static_cast<std::uint64_t>(t >> 1);
}

// Uniform draw. Quadruple number t has block t to itself: i, j, k, l come from words 0 to 3; within
// one set j differs from i and l from k.

}  // namespace clipk
