#pragma once

#include <cstdint>

namespace clipk {

/// The exact value of an IEEE 754 binary16, including subnormals, infinities and NaN
/// (with its payload).
float half_to_float(std::uint16_t half);

/// The nearest binary16, ties to even; beyond 65,504 by half a step or more, infinity.
std::uint16_t double_to_half(double value);

/// The exact value of a bfloat16: the upper half of a float32.
float bfloat16_to_float(std::uint16_t value);

/// The nearest bfloat16, ties to even; beyond the largest by half a step or more, infinity.
std::uint16_t double_to_bfloat16(double value);

}  // namespace clipk
