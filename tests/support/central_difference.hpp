#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>

namespace clipk::test {

/// The slope of f() in `value`, which f reads: (f at value + step - f at value - step) / 2 step.
template <class F, class T>
double central_difference(F&& f, T& value, T step) {
  const T kept = value;
  value = kept + step;
  const double above = f();
  value = kept - step;
  const double below = f();
  value = kept;
  return (above - below) / (2 * static_cast<double>(step));
}

/// Expects `gradient` to be the slopes of f() in `values`, which f reads.
/// @param values a vector or a VectorView, as `gradient`
/// @param tolerance of the difference between a slope and its part of the gradient
/// @param every checks one value of so many
/// @return how many of the checked values change f()
template <class F, class Values, class Gradient>
std::int64_t expect_central_differences(F&& f, Values&& values, const Gradient& gradient,
                                        double step, double tolerance, std::ptrdiff_t every = 1) {
  const std::ptrdiff_t size = values.end() - values.begin();
  EXPECT_EQ(gradient.end() - gradient.begin(), size);
  if (gradient.end() - gradient.begin() != size) return 0;
  std::int64_t moved = 0;
  for (std::ptrdiff_t i = 0; i < size; i += every) {
    const double slope = central_difference(f, values.begin()[i], step);
    EXPECT_NEAR(gradient.begin()[i], slope, tolerance) << "value " << i;
    moved += slope != 0;
  }
  return moved;
}

}  // namespace clipk::test
