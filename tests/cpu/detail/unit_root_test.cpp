#include "cpu/detail/unit_root.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace clipk::test {
namespace {

using Complex = std::complex<double>;

TEST(UnitRoot, LiesOnTheCircle) {
  for (const std::int64_t n : {1, 2, 3, 5, 8, 20, 128, 640, 1001, 16384}) {
    double worst = 0;
    for (std::int64_t k = 0; k < n; ++k) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
      worst = std::max(worst, std::abs(cpu::unit_root(k, n) - std::polar(1.0, angle)));
    }
    EXPECT_LT(worst, 2e-15) << n;  // most of it the rounding of the angle
  }
}

TEST(UnitRoot, QuartersAreExactAndTheRestSymmetric) {
  const Complex quarters[] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
  for (std::int64_t k = -8; k < 8; ++k) {
    EXPECT_EQ(cpu::unit_root(k, 4), quarters[(k + 8) % 4]) << k;
  }
  for (std::int64_t k = 0; k < 24; ++k) {
    const Complex root = cpu::unit_root(k, 24);
    EXPECT_LT(std::abs(cpu::unit_root(-k, 24) - std::conj(root)), 2e-16) << k;
    EXPECT_EQ(cpu::unit_root(k + 48, 24), root) << k;
    EXPECT_EQ(cpu::unit_root(k + 12, 24), -root) << k;
  }
}

}  // namespace
}  // namespace clipk::test
