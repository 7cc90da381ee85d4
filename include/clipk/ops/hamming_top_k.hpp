#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// The widest codes that hamming_top_k takes, in bytes.
inline constexpr std::int64_t kMaxHammingBytes = 4095;

/// The k binary codes of a database nearest to every query by Hamming distance, the number of bits
/// that differ, without storing the distances. `BinaryQuantizer` makes such codes.
///
/// @param queries [n, bytes]  @param database [m, bytes]: 8 bits a byte, unused ones equal
/// @param[out] indices [n, k], nearest first; among equal distances the lower index first
/// @param[out] distances [n, k], in bits; may be empty
/// k is the number of columns of indices: 1 <= k <= min(m, kMaxNeighbors) of nearest.hpp.
/// @throws Error if a shape or a device differs, k is out of range, or a code has no byte or more
///   than kMaxHammingBytes.
/// Deterministic: yes; the same on every device. Scratch: O(n k), on the CPU also 512 bytes per
/// thread and byte of a code, and the rearranged bytes of 128 queries.
void hamming_top_k(Context& context, MatrixView<const std::uint8_t> queries,
                   MatrixView<const std::uint8_t> database, MatrixView<std::int32_t> indices,
                   MatrixView<std::int32_t> distances);

}  // namespace clipk
