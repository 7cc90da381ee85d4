// What a training step reads on the device: its rows, its rates and its number.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "clipk/core/context.hpp"
#include "train/progress_clock.hpp"
#include "train/rate_table.hpp"
#include "train/shuffled_batches.hpp"

namespace clipk {
namespace {

template <class T>
std::vector<T> on_host(Context& context, VectorView<const T> values) {
  std::vector<T> result(static_cast<std::size_t>(values.size));
  copy<T>(context, values, VectorView<T>(result.data(), values.size));
  return result;
}

TEST(ShuffledBatchesTest, AnEpochHasEveryRowOnce) {
  Context context = Context::cpu({.seed = 3});
  train::ShuffledBatches batches(context, 10, 4, RandomStream::shuffle);
  EXPECT_EQ(batches.steps_per_epoch(), 3);
  std::vector<std::int32_t> all(10);
  std::vector<std::vector<std::int32_t>> epochs;
  std::iota(all.begin(), all.end(), 0);
  for (std::int64_t epoch = 0; epoch < 2; ++epoch) {
    std::vector<std::int32_t> seen;
    for (std::int64_t s = 0; s < 3; ++s) {
      const std::int64_t step = 3 * epoch + s;
      const auto rows = on_host<std::int32_t>(context, batches.select(context, step));
      EXPECT_EQ(rows.size(), s < 2 ? 4U : 2U);
      EXPECT_EQ(batches.full(step), s < 2);
      seen.insert(seen.end(), rows.begin(), rows.end());
    }
    epochs.push_back(seen);
    std::sort(seen.begin(), seen.end());
    EXPECT_EQ(seen, all);
  }
  EXPECT_NE(epochs[0], epochs[1]);
}

TEST(ShuffledBatchesTest, AStepHasTheSameRowsAfterAResume) {
  Context context = Context::cpu({.seed = 3});
  train::ShuffledBatches whole(context, 10, 4, RandomStream::shuffle);
  for (std::int64_t step = 0; step < 4; ++step) whole.select(context, step);
  const auto rows = on_host<std::int32_t>(context, whole.select(context, 4));
  train::ShuffledBatches resumed(context, 10, 4, RandomStream::shuffle);
  EXPECT_EQ(on_host<std::int32_t>(context, resumed.select(context, 4)), rows);
}

TEST(RateTableTest, GivesRatesAndNumberOfTheSelectedStep) {
  Context context = Context::cpu();
  const AdamOptions adam;
  train::RateTable table(context, adam, 5);
  table.upload(context, 20, 4, [](std::int64_t step) { return 0.5 * static_cast<double>(step); });
  for (const std::int64_t index : {3, 0}) {
    table.select(context, index);
    const auto step = static_cast<double>(20 + index);
    const auto rates = on_host<float>(context, table.rates());
    EXPECT_EQ(table.step()[0], static_cast<std::uint64_t>(20 + index));
    EXPECT_EQ(rates[0], static_cast<float>(0.5 * step));
    EXPECT_EQ(table.rate(), 0.5 * step);
    EXPECT_NEAR(rates[1], 1 - std::pow(double{adam.beta1}, step + 1), 1e-6);
    EXPECT_NEAR(rates[2], 1 - std::pow(double{adam.beta2}, step + 1), 1e-6);
  }
}

TEST(ProgressClockTest, KnowsTheTimeThatIsLeftAfterTheFirstStep) {
  train::ProgressClock clock;
  EXPECT_TRUE(std::isnan(clock.seconds_left(4)));
  clock.count_step();
  clock.count_step();
  const double before = clock.seconds();
  const double left = clock.seconds_left(4);
  EXPECT_GE(left, 2 * before);
  EXPECT_LE(left, 2 * clock.seconds());
  EXPECT_EQ(clock.seconds_left(0), 0);
}

}  // namespace
}  // namespace clipk
