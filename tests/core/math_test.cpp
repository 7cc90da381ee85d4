#include "core/math/math.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "golden/math.inc"

namespace clipk::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// How many units in the last place of the expected value.
double units_apart(double value, double expected) {
  if (value == expected) return 0;
  const double unit = std::nextafter(std::fabs(expected), kInfinity) - std::fabs(expected);
  return std::fabs(value - expected) / unit;
}

template <class Table, class Function>
void expect_near(const Table& table, double units, Function function) {
  for (const auto& [x, value] : table) {
    EXPECT_LE(units_apart(function(x), value), units) << "of " << x;
  }
}

TEST(Math, IsWithinAUnitOrTwoOfTheExactValue) {
  expect_near(golden::exp, 1, math::exp);
  expect_near(golden::expm1, 1, math::expm1);
  expect_near(golden::log, 1, math::log);
  expect_near(golden::log1p, 1, math::log1p);
  expect_near(golden::sin, 1, math::sin);
  expect_near(golden::cos, 1, math::cos);
  expect_near(golden::tanh, 2, math::tanh);
  expect_near(golden::atanh, 2, math::atanh);
  expect_near(golden::normal_quantile_from_half, 6, math::normal_quantile_from_half);
  for (const auto& [x, y, value] : golden::pow) {
    EXPECT_LE(units_apart(math::pow(x, y), value), 1) << x << " to the power of " << y;
  }
}

TEST(Math, ExactValuesAreExact) {
  EXPECT_EQ(math::exp(0), 1);
  EXPECT_EQ(math::expm1(0), 0);
  EXPECT_EQ(math::log(1), 0);
  EXPECT_EQ(math::log1p(0), 0);
  EXPECT_EQ(math::sin(0), 0);
  EXPECT_EQ(math::cos(0), 1);
  EXPECT_EQ(math::tanh(0), 0);
  EXPECT_EQ(math::atanh(0), 0);
  EXPECT_EQ(math::pow(2, 10), 1024);
  EXPECT_EQ(math::pow(9, .5), 3);
  EXPECT_EQ(math::pow(.5, 1074), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(math::normal_quantile_from_half(0), 0);
}

TEST(Math, EndsOfTheRange) {
  EXPECT_EQ(math::exp(710), kInfinity);
  EXPECT_EQ(math::exp(kInfinity), kInfinity);
  EXPECT_EQ(math::exp(-746), 0);
  EXPECT_EQ(math::exp(-kInfinity), 0);
  EXPECT_EQ(math::expm1(710), kInfinity);
  EXPECT_EQ(math::expm1(-kInfinity), -1);
  EXPECT_EQ(math::log(0), -kInfinity);
  EXPECT_EQ(math::log(kInfinity), kInfinity);
  EXPECT_EQ(math::log1p(-1), -kInfinity);
  EXPECT_EQ(math::log1p(kInfinity), kInfinity);
  EXPECT_EQ(math::tanh(kInfinity), 1);
  EXPECT_EQ(math::tanh(-kInfinity), -1);
  EXPECT_EQ(math::tanh(22), 1);  // where the formula ends
  EXPECT_EQ(math::tanh(-22), -1);
  EXPECT_EQ(math::atanh(1), kInfinity);
  EXPECT_EQ(math::atanh(-1), -kInfinity);
  EXPECT_EQ(math::pow(0, 0), 1);
  EXPECT_EQ(math::pow(0, 2), 0);
  EXPECT_EQ(math::pow(0, -2), kInfinity);
  EXPECT_EQ(math::pow(10, 400), kInfinity);
  EXPECT_EQ(math::pow(10, -400), 0);
}

TEST(Math, NotANumberWhereThereIsNone) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const auto function : {math::exp, math::expm1, math::log, math::log1p, math::sin, math::cos,
                              math::tanh, math::atanh}) {
    EXPECT_TRUE(std::isnan(function(nan)));
  }
  EXPECT_TRUE(std::isnan(math::log(-1)));
  EXPECT_TRUE(std::isnan(math::log1p(-1.1)));
  EXPECT_TRUE(std::isnan(math::atanh(1.1)));
  EXPECT_TRUE(std::isnan(math::sin(kInfinity)));
  EXPECT_TRUE(std::isnan(math::cos(2e6)));
  EXPECT_TRUE(std::isnan(math::pow(-1, 2)));
  EXPECT_TRUE(std::isnan(math::pow(nan, 2)));
  EXPECT_TRUE(std::isnan(math::pow(2, nan)));
}

}  // namespace
}  // namespace clipk::test
