#pragma once

#include <cstdint>

#include "shared/host_device.hpp"

// Float scores as integers that sort the other way, so that the largest score has the least key.
namespace clipk {

/// The key of a score's bits. -0 is 0, and NaN counts as minus infinity.
CLIPK_HOST_DEVICE inline std::uint32_t score_key(std::uint32_t bits) {
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) bits = 0xFF800000u;
  if (bits == 0x80000000u) bits = 0;
  return (bits & 0x80000000u) != 0 ? bits : ~(bits | 0x80000000u);
}

/// The bits of the score of a key.
CLIPK_HOST_DEVICE inline std::uint32_t score_bits(std::uint32_t key) {
  return (key & 0x80000000u) != 0 ? key : ~key & 0x7FFFFFFFu;
}

}  // namespace clipk
