#include "clipk/train/schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/error_of.hpp"

namespace clipk::test {
namespace {

double share(const ScheduleOptions& options, std::int64_t step) {
  return schedule_share(options, step, 100, 10);
}

TEST(Schedule, ConstantStaysAtOne) {
  for (const std::int64_t step : {0, 50, 99}) EXPECT_EQ(share({}, step), 1);
}

TEST(Schedule, LinearFallsEvenly) {
  const ScheduleOptions options{.kind = Schedule::linear, .final_share = 0.2};
  EXPECT_DOUBLE_EQ(share(options, 0), 1);
  EXPECT_DOUBLE_EQ(share(options, 50), 0.6);
  EXPECT_DOUBLE_EQ(share(options, 100), 0.2);
}

TEST(Schedule, CosineIsHalfWayDownInTheMiddle) {
  const ScheduleOptions options{.kind = Schedule::cosine, .final_share = 0.1};
  EXPECT_DOUBLE_EQ(share(options, 0), 1);
  EXPECT_NEAR(share(options, 25), 0.1 + 0.9 * (1 + std::sqrt(0.5)) / 2, 1e-12);
  EXPECT_NEAR(share(options, 50), 0.55, 1e-12);
  EXPECT_NEAR(share(options, 100), 0.1, 1e-12);
}

TEST(Schedule, StepDropsAtEpochs) {
  const ScheduleOptions options{.kind = Schedule::step, .every = 3, .factor = 0.5};
  EXPECT_EQ(share(options, 29), 1);
  EXPECT_EQ(share(options, 30), 0.5);
  EXPECT_EQ(share(options, 59), 0.5);
  EXPECT_EQ(share(options, 60), 0.25);
}

TEST(Schedule, WarmUpClimbsToOneAndThenTheScheduleBegins) {
  const ScheduleOptions options{.kind = Schedule::linear, .warmup_steps = 20};
  EXPECT_DOUBLE_EQ(share(options, 0), 1 / 20.0);
  EXPECT_DOUBLE_EQ(share(options, 19), 1);
  EXPECT_DOUBLE_EQ(share(options, 20), 1);
  EXPECT_DOUBLE_EQ(share(options, 60), 0.5);
}

TEST(Schedule, AWarmUpLongerThanTheTrainingIsFine) {
  const ScheduleOptions options{.kind = Schedule::cosine, .warmup_steps = 200};
  EXPECT_DOUBLE_EQ(share(options, 99), 0.5);
}

TEST(Schedule, NamesGoBothWays) {
  for (const Schedule kind :
       {Schedule::constant, Schedule::linear, Schedule::cosine, Schedule::step}) {
    EXPECT_EQ(schedule_named(to_string(kind)), kind);
  }
  EXPECT_EQ(error_of([&] { schedule_named("cubic"); }),
            "schedule: expected constant, linear, cosine or step, got 'cubic'");
}

}  // namespace
}  // namespace clipk::test
