#include "clipk/metrics/interval.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

// As statsmodels 0.14: proportion_confint(count, n, method="wilson"), count = share n.
TEST(WilsonInterval, AgreesWithStatsmodels) {
  const Interval most = wilson_interval(.87, 54);
  EXPECT_EQ(most.estimate, .87);
  EXPECT_NEAR(most.low, .7549, 5e-4);
  EXPECT_NEAR(most.high, .9358, 5e-4);
}

// The ends solve (p - x)^2 = z^2 x (1 - x) / n, which is where the interval comes from.
TEST(WilsonInterval, EndsSolveItsEquation) {
  constexpr double kZ = 1.959963984540054;
  for (const double share : {0., .01, .3, .5, .99, 1.}) {
    for (const std::int64_t n : {1, 7, 1000}) {
      const Interval interval = wilson_interval(share, n);
      for (const double end : {interval.low, interval.high}) {
        const double distance = (share - end) * (share - end);
        EXPECT_NEAR(distance, kZ * kZ * end * (1 - end) / static_cast<double>(n), 1e-14)
            << share << " of " << n;
      }
    }
  }
}

TEST(WilsonInterval, StaysWithinZeroAndOneAndHasAWidthThere) {
  EXPECT_EQ(wilson_interval(0, 5).low, 0);
  EXPECT_EQ(wilson_interval(1, 5).high, 1);
  EXPECT_LT(wilson_interval(1, 5).low, .6);
  EXPECT_LT(wilson_interval(.5, 20, .99).low, wilson_interval(.5, 20).low);
}

TEST(WilsonInterval, CoversTheTruth) {
  Random random(3, RandomStream::data);
  int covered = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    int hits = 0;
    for (int i = 0; i < 40; ++i) hits += random.uniform() < .1F ? 1 : 0;
    const Interval interval = wilson_interval(hits / 40., 40);
    covered += interval.low <= .1 && interval.high >= .1;
  }
  EXPECT_GE(covered, 920);
}

std::string message(double share, std::int64_t n, double confidence = .95) {
  return error_of([&] { wilson_interval(share, n, confidence); });
}

TEST(WilsonInterval, BadInputIsNamed) {
  EXPECT_EQ(message(1.5, 5), "wilson_interval: expected a share from 0 to 1, got 1.500000");
  EXPECT_EQ(message(NAN, 5), "wilson_interval: expected a share from 0 to 1, got nan");
  EXPECT_EQ(message(.5, 0), "wilson_interval: expected n of 1 or more, got 0");
  EXPECT_EQ(message(.5, 5, 1),
            "wilson_interval: expected a confidence between 0 and 1, got 1.000000");
}

}  // namespace
}  // namespace clipk::test
