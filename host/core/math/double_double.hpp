#pragma once

#include <cmath>

namespace clipk {

/// high + low, about 106 bits. long double would not do: its size differs by processor.
struct DoubleDouble {
  double high = 0, low = 0;

  DoubleDouble() = default;
  DoubleDouble(double high_, double low_ = 0) : high(high_), low(low_) {}

  double value() const { return high + low; }
};

/// Exact where |a| is the larger, or is 0.
inline DoubleDouble fast_sum(double a, double b) {
  const double high = a + b;
  return {high, (a - high) + b};
}

/// Exact.
inline DoubleDouble exact_sum(double a, double b) {
  const double high = a + b;
  const double of_b = high - a;
  return {high, (a - (high - of_b)) + (b - of_b)};
}

/// Exact.
inline DoubleDouble exact_product(double a, double b) {
  const double high = a * b;
  return {high, std::fma(a, b, -high)};
}

inline DoubleDouble operator-(DoubleDouble a) {
  return {-a.high, -a.low};
}
inline DoubleDouble operator+(DoubleDouble a, DoubleDouble b) {
  const DoubleDouble high = exact_sum(a.high, b.high), low = exact_sum(a.low, b.low);
  const DoubleDouble sum = fast_sum(high.high, high.low + low.high);
  return fast_sum(sum.high, sum.low + low.low);
}
inline DoubleDouble operator-(DoubleDouble a, DoubleDouble b) {
  return a + -b;
}
inline DoubleDouble operator*(DoubleDouble a, DoubleDouble b) {
  const DoubleDouble high = exact_product(a.high, b.high);
  return fast_sum(high.high, high.low + (a.high * b.low + a.low * b.high));
}
inline DoubleDouble& operator+=(DoubleDouble& a, DoubleDouble b) {
  return a = a + b;
}

}  // namespace clipk
