#include "clipk/io/half.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <filesystem>

#include "clipk/io/npy.hpp"
#include "support/golden_folder.hpp"

namespace clipk {
namespace {

// The definition of binary16, in plain arithmetic.
double value_of(std::uint16_t half) {
  const int sign = half >> 15 != 0 ? -1 : 1;
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  if (exponent == 31) return fraction != 0 ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

TEST(Half, EveryValueIsExactBothWays) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const double expected = value_of(half);
    const float actual = half_to_float(half);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(actual));
      ASSERT_EQ(std::bit_cast<std::uint32_t>(actual) >> 13 & 1023, bits & 1023);  // the payload
      ASSERT_TRUE(std::isnan(half_to_float(double_to_half(actual))));
      continue;
    }
    ASSERT_EQ(actual, expected) << bits;
    ASSERT_EQ(std::signbit(actual), (bits >> 15) != 0) << bits;
    ASSERT_EQ(double_to_half(expected), half);
  }
}

TEST(Half, RoundsAsNumpy) {
  const std::filesystem::path golden = test::golden_folder() / "npy";
  const auto in = read_npy_vector<double>(golden / "half_in.npy");
  const auto out = read_npy_vector<float>(golden / "half_out.npy");
  ASSERT_EQ(in.size(), out.size());
  for (std::size_t i = 0; i < in.size(); ++i) {
    EXPECT_EQ(half_to_float(double_to_half(in[i])), out[i]) << in[i];
  }
  EXPECT_EQ(double_to_half(65519.99), 0x7BFF);
  EXPECT_EQ(double_to_half(65520), 0x7C00);
  EXPECT_EQ(double_to_half(-1e300), 0xFC00);
}

TEST(BFloat16, EveryValueIsExactBothWays) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto stored = static_cast<std::uint16_t>(bits);
    const float value = bfloat16_to_float(stored);
    ASSERT_EQ(std::bit_cast<std::uint32_t>(value), bits << 16);
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(bfloat16_to_float(double_to_bfloat16(value))));
    } else {
      ASSERT_EQ(double_to_bfloat16(value), stored);
    }
  }
}

// Half way between neighbours, and a hair off that: less than float32 resolves.
TEST(BFloat16, RoundsToTheNearestTiesToEven) {
  for (std::uint32_t bits = 0; bits < 0x7F7F; ++bits) {
    const auto low = static_cast<std::uint16_t>(bits);
    const auto high = static_cast<std::uint16_t>(bits + 1);
    const double middle =
        (static_cast<double>(bfloat16_to_float(low)) + bfloat16_to_float(high)) / 2;
    ASSERT_EQ(double_to_bfloat16(middle), bits % 2 == 0 ? low : high) << bits;
    ASSERT_EQ(double_to_bfloat16(std::nextafter(middle, 0)), low) << bits;
    ASSERT_EQ(double_to_bfloat16(std::nextafter(middle, INFINITY)), high) << bits;
    ASSERT_EQ(double_to_bfloat16(-std::nextafter(middle, INFINITY)), high | 0x8000) << bits;
  }
  EXPECT_EQ(double_to_bfloat16(0x1.FEp127), 0x7F7F);
  EXPECT_EQ(double_to_bfloat16(0x1.FEFFFFFFFFp127), 0x7F7F);
  EXPECT_EQ(double_to_bfloat16(0x1.FFp127), 0x7F80);
  EXPECT_EQ(double_to_bfloat16(-1e300), 0xFF80);
}

}  // namespace
}  // namespace clipk
