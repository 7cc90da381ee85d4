#include "core/math/math.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

#include "core/math/double_double.hpp"

// Arguments are reduced to a small interval, where a Taylor series has converged after the terms
// given. The rounding error of a sum is carried along where it matters. The paths that are called
// often use no fused multiply-adds, which are slow without the instruction; -ffp-contract=off keeps
// the compiler from forming them.
namespace clipk::math {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// log 2 in two parts, the first of 32 bits: its products with exponents are exact.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;

// The nearest whole number, for |x| < 2^51.
double whole(double x) {
  constexpr double kShift = 0x1.8p52;
  return (x + kShift) - kShift;
}

// 2^k.
double power_of_two(int k) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(k + 1023) << 52);
}

// x 2^k, which may be subnormal; x is near 1.
double scaled(double x, int k) {
  const int half = k / 2;
  return x * power_of_two(half) * power_of_two(k - half);
}

// x + low = k log 2 + r + rest, |r| < 0.35.
struct Reduced {
  int k;
  double r, rest;
};
Reduced reduced(double x, double low) {
  const double k = whole(x * (1 / std::numbers::ln2));
  const double high = x - k * kLn2High, part = k * kLn2Low - low;
  const double r = high - part;
  return {static_cast<int>(k), r, (high - r) - part};
}

// e^(r + rest) - 1 = r + the result.
double exp_tail(double r, double rest) {
  const double s = r * r, s2 = s * s;
  const double p0 = 1.0 / 2 + r * (1.0 / 6) + s * (1.0 / 24 + r * (1.0 / 120));
  const double p1 = 1.0 / 720 + r * (1.0 / 5040) + s * (1.0 / 40320 + r * (1.0 / 362880));
  const double p2 =
      1.0 / 3628800 + r * (1.0 / 39916800) + s * (1.0 / 479001600 + r * (1.0 / 6227020800));
  return s * (p0 + s2 * (p1 + s2 * p2)) + (rest + rest * r);
}

double exp_sum(double x, double low) {
  if (!(x < 709.79)) return x < kInfinity ? kInfinity : x;
  if (x < -745.2) return 0;
  const auto [k, r, rest] = reduced(x, low);
  return scaled(1 + (r + exp_tail(r, rest)), k);
}

// x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2); x is positive and finite.
struct Split {
  int k;
  double f;
};
Split split(double x) {
  int k = 0;
  if (x < std::numeric_limits<double>::min()) {
    x *= 0x1p54;
    k = -54;
  }
  // The exponent is one higher where the mantissa exceeds sqrt(2).
  constexpr std::uint64_t kRoot = 0x3FE6A09E667F3BCDu;  // the bits of sqrt(1/2)
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  const auto up = static_cast<std::int64_t>(bits - kRoot) >> 52;
  const double m = std::bit_cast<double>(bits - (static_cast<std::uint64_t>(up) << 52));
  return {k + static_cast<int>(up), m - 1};
}

// log(1 + f) + rest + k log 2, by 2 atanh(s) with s = f / (2 + f).
double log_of(const Split& x, double rest) {
  const double f = x.f, k = x.k;
  const double s = f / (2 + f), z = s * s, z2 = z * z, z4 = z2 * z2;
  const double p0 = 2.0 / 3 + z * (2.0 / 5) + z2 * (2.0 / 7 + z * (2.0 / 9));
  const double p1 = 2.0 / 11 + z * (2.0 / 13) + z2 * (2.0 / 15 + z * (2.0 / 17));
  const double series = z * (p0 + z4 * (p1 + z4 * (2.0 / 19 + z * (2.0 / 21))));
  const double half = .5 * f * f;
  return k * kLn2High - ((half - (s * (half + series) + (k * kLn2Low + rest))) - f);
}

// The same as a sum of two numbers, to 2^-65 of itself.
DoubleDouble long_log(const Split& x) {
  const double k = x.k;
  const DoubleDouble d = fast_sum(2, x.f);
  const double s = x.f / d.high;
  const double s_low = (std::fma(-s, d.high, x.f) - s * d.low) / d.high;
  DoubleDouble z = exact_product(s, s);
  z.low += 2 * s * s_low;
  // 1 + z / 3 + z^2 / 5 + ...; the first two terms in full.
  constexpr double kThird = 1.0 / 3, kThirdLow = 0x1.5555555555555p-56;
  DoubleDouble third = exact_product(z.high, kThird);
  third.low += z.high * kThirdLow + z.low * kThird;
  double series = 0;
  for (int n = 23; n >= 5; n -= 2) series = z.high * series + 1.0 / n;
  DoubleDouble p = fast_sum(third.high, z.high * z.high * series);
  p.low += third.low;
  const double a = 2 * s, a_low = 2 * s_low;
  DoubleDouble rest = exact_product(a, p.high);
  rest.low += a * p.low + a_low * p.high;
  // |k log 2| is 0 or the larger.
  const DoubleDouble whole_part = fast_sum(k * kLn2High, a);
  const DoubleDouble total = fast_sum(whole_part.high, rest.high);
  return fast_sum(total.high, total.low + (whole_part.low + (rest.low + (a_low + k * kLn2Low))));
}

}  // namespace

double exp(double x) {
  return exp_sum(x, 0);
}

double expm1(double x) {
  if (!(x < 709.79)) return x < kInfinity ? kInfinity : x;
  if (x < -40) return -1;
  const auto [k, r, rest] = reduced(x, 0);
  const DoubleDouble q = fast_sum(r, exp_tail(r, rest));
  if (k == 0) return q.high;
  if (k > 60) return scaled(1 + q.high, k);
  const double one = 1 - power_of_two(-k);  // 2^k one = 2^k - 1
  const double sum = one + q.high;
  const double lost = (one - (sum - q.high)) + (q.high - (sum - (sum - q.high)));
  return scaled(sum + (lost + q.low), k);
}

double log(double x) {
  if (!(x > 0)) return x == 0 ? -kInfinity : kNaN;
  if (x == kInfinity) return x;
  return log_of(split(x), 0);
}

double log1p(double x) {
  if (!(x > -1)) return x == -1 ? -kInfinity : kNaN;
  if (x == kInfinity) return x;
  if (x > -.29 && x < .41) return log_of({0, x}, 0);
  const double u = 1 + x;
  const double lost = x > 1 ? 1 - (u - x) : x - (u - 1);
  return log_of(split(u), lost / u);
}

double pow(double x, double y) {
  if (y == 0 || x == 1) return 1;
  if (!(x >= 0) || y != y) return kNaN;
  if (x == 0) return y > 0 ? 0 : kInfinity;
  if (x == kInfinity) return y > 0 ? x : 0;
  const DoubleDouble log = long_log(split(x));
  if (!(std::fabs(y * log.high) < 1e4)) return exp(y * log.high);
  DoubleDouble exponent = exact_product(y, log.high);
  exponent.low += y * log.low;
  return exp_sum(exponent.high, exponent.low);
}

double tanh(double x) {
  const double a = std::fabs(x);
  if (!(a < 22)) return a >= 22 ? std::copysign(1.0, x) : x;  // NaN stays
  double result;
  if (a >= 1) {
    result = 1 - 2 / (expm1(2 * a) + 2);
  } else {
    const double t = expm1(-2 * a);
    result = -t / (t + 2);
  }
  return std::copysign(result, x);
}

double atanh(double x) {
  const double a = std::fabs(x);
  const double t = a + a;
  return std::copysign(.5 * log1p(a < .5 ? t + t * a / (1 - a) : t / (1 - a)), x);
}

}  // namespace clipk::math
