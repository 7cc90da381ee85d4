#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

#include "core/math/math.hpp"

// sin and cos: a multiple of pi / 2 is subtracted from x, then Taylor series serve up to pi / 4.
namespace clipk::math {
namespace {

// x = quarter pi / 2 + r + rest, |r| < 0.8.
struct Angle {
  std::int64_t quarter;
  double r, rest;
};
Angle reduced(double x) {
  // pi / 2 in three parts; the first two have 33 bits, so that their products are exact.
  constexpr double kHigh = 0x1.921fb544p+0, kMiddle = 0x1.0b4611a6p-34,
                   kLow = 0x1.3198a2e037073p-69;
  constexpr double kShift = 0x1.8p52;  // rounds to a whole number
  const double n = (x * (2 / std::numbers::pi) + kShift) - kShift;
  const double first = x - n * kHigh;
  const double second = first - n * kMiddle;
  const double part = n * kLow - ((first - second) - n * kMiddle);
  const double r = second - part;
  return {static_cast<std::int64_t>(n), r, (second - r) - part};
}

double sine(double r, double rest) {
  const double z = r * r;
  const double series =
      1.0 / 120 +
      z * (-1.0 / 5040 +
           z * (1.0 / 362880 +
                z * (-1.0 / 39916800 +
                     z * (1.0 / 6227020800 + z * (-1.0 / 1307674368000 + z / 355687428096000)))));
  return r + (z * r * (-1.0 / 6 + z * series) + rest * (1 - z / 2));
}

double cosine(double r, double rest) {
  const double z = r * r;
  const double series =
      1.0 / 24 +
      z * (-1.0 / 720 + z * (1.0 / 40320 + z * (-1.0 / 3628800 +
                                                z * (1.0 / 479001600 + z * (-1.0 / 87178291200 +
                                                                            z / 20922789888000)))));
  const double half = z / 2, one = 1 - half;
  return one + (((1 - one) - half) + (z * z * series - r * rest));
}

// sin(x + quarters pi / 2).
double turned_sine(double x, std::int64_t quarters) {
  if (!(std::fabs(x) <= 0x1p20)) return std::numeric_limits<double>::quiet_NaN();
  const auto [quarter, r, rest] = reduced(x);
  const std::int64_t turn = (quarter + quarters) & 3;
  const double value = turn % 2 == 0 ? sine(r, rest) : cosine(r, rest);
  return turn < 2 ? value : -value;
}

}  // namespace

double sin(double x) {
  return turned_sine(x, 0);
}
double cos(double x) {
  return turned_sine(x, 1);
}

}  // namespace clipk::math
