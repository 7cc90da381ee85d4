#include "clipk/metrics/bootstrap.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "clipk/core/random.hpp"
#include "golden/metrics.inc"
#include "support/error_of.hpp"
#include "support/uniform_rows.hpp"

namespace clipk::test {
namespace {

std::vector<double> below(std::uint32_t seed, float bound) {
  const Matrix<float> rows = uniform_rows(400, 1, seed);
  std::vector<double> hits;
  for (std::int64_t i = 0; i < 400; ++i) hits.push_back(rows(i, 0) < bound ? 1 : 0);
  return hits;
}

TEST(PairedBootstrap, AgreesWithScipyUpToItsRandomness) {
  Context context = Context::cpu({.threads = 2});
  const Interval interval = paired_bootstrap(context, below(6, 0.1F), below(7, 0.0F));
  EXPECT_DOUBLE_EQ(interval.estimate, golden::bootstrap[0]);
  EXPECT_NEAR(interval.low, golden::bootstrap[1], 0.0026);  // one hit of 400 moves it .0025
  EXPECT_NEAR(interval.high, golden::bootstrap[2], 0.0026);
}

TEST(PairedBootstrap, FollowsItsDocumentedDraws) {
  const std::vector<double> a{3, 1, 4, 1, 5, 9}, b{2, 7, 1, 8, 2, 8};
  std::vector<double> means;
  for (std::uint32_t r = 0; r < 5; ++r) {
    double sum = 0;
    for (std::uint32_t t = 0; t < 6; ++t) {
      const auto bits = random_block(11, RandomStream::bootstrap, r, t / 4);
      const std::uint32_t i = random_below(bits[t % 4], 6);
      sum += a[i] - b[i];
    }
    means.push_back(sum / 6);
  }
  std::sort(means.begin(), means.end());
  Context context = Context::cpu({.threads = 1});
  const Interval interval =
      paired_bootstrap(context, a, b, {.resamples = 5, .confidence = 0.7, .seed = 11});
  EXPECT_NEAR(interval.low, means[0] + 0.6 * (means[1] - means[0]), 1e-12);
  EXPECT_NEAR(interval.high, means[3] + 0.4 * (means[4] - means[3]), 1e-12);
}

TEST(PairedBootstrap, NoDifferenceHasNoWidth) {
  Context context = Context::cpu({.threads = 2});
  const std::vector<double> a = below(6, 0.1F);
  const Interval interval = paired_bootstrap(context, a, a);
  EXPECT_EQ(interval.low, 0);
  EXPECT_EQ(interval.high, 0);
}

TEST(PairedBootstrap, ThreadsChangeNothingAndSeedsDo) {
  Context one = Context::cpu({.threads = 1}), two = Context::cpu({.threads = 2});
  std::vector<double> a(333), b(333);
  Random random(5, RandomStream::data);
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = random.normal();
    b[i] = random.normal();
  }
  const Interval first = paired_bootstrap(one, a, b), second = paired_bootstrap(two, a, b);
  EXPECT_EQ(first.low, second.low);
  EXPECT_EQ(first.high, second.high);
  EXPECT_NE(first.low, paired_bootstrap(two, a, b, {.seed = 1}).low);
}

// Over many data sets the 95 % interval holds the true difference about 95 times of 100.
TEST(PairedBootstrap, CoversTheTruth) {
  Context context = Context::cpu({.threads = 1});
  Random random(17, RandomStream::data);
  int covered = 0;
  for (std::uint64_t trial = 0; trial < 300; ++trial) {
    std::vector<double> a(200), b(200);
    for (std::size_t i = 0; i < a.size(); ++i) {
      const float shared = random.uniform();
      a[i] = shared < 0.55F;
      b[i] = random.uniform() < 0.3F ? random.uniform() < 0.5F : shared < 0.5F;
    }
    const Interval interval = paired_bootstrap(context, a, b, {.resamples = 500, .seed = trial});
    covered += interval.low <= 0.05 && interval.high >= 0.05;
  }
  EXPECT_GE(covered, 274);  // .95 * 300 less three standard errors
  EXPECT_LE(covered, 296);
}

TEST(PairedBootstrap, GroupsOfOneQueryChangeNothing) {
  Context context = Context::cpu({.threads = 2});
  const std::vector<double> a = below(6, 0.1F), b = below(7, 0.0F);
  std::vector<std::int64_t> groups;
  for (std::int64_t i = 0; i < 400; ++i) groups.push_back(399 - i);  // any numbers
  const Interval alone = paired_bootstrap(context, a, b);
  const Interval grouped = paired_bootstrap(context, a, b, groups);
  EXPECT_EQ(grouped.estimate, alone.estimate);
  EXPECT_EQ(grouped.low, alone.low);
  EXPECT_EQ(grouped.high, alone.high);
}

TEST(PairedBootstrap, GroupsAreDrawnWhole) {
  const std::vector<double> a{3, 1, 4, 1, 5, 9}, b{2, 7, 1, 8, 2, 8};
  const std::vector<std::int64_t> groups{7, 2, 7, 7, 5, 2};
  const std::vector<std::vector<std::size_t>> members{{0, 2, 3}, {1, 5}, {4}};
  std::vector<double> means;
  for (std::uint32_t r = 0; r < 5; ++r) {
    const auto bits = random_block(11, RandomStream::bootstrap, r, 0);
    double sum = 0, count = 0;
    for (std::uint32_t t = 0; t < 3; ++t) {
      for (const std::size_t i : members[random_below(bits[t], 3)]) {
        sum += a[i] - b[i];
        ++count;
      }
    }
    means.push_back(sum / count);
  }
  std::sort(means.begin(), means.end());
  Context context = Context::cpu({.threads = 1});
  const Interval interval =
      paired_bootstrap(context, a, b, groups, {.resamples = 5, .confidence = 0.5, .seed = 11});
  EXPECT_NEAR(interval.estimate, -5.0 / 6, 1e-12);
  EXPECT_NEAR(interval.low, means[1], 1e-12);
  EXPECT_NEAR(interval.high, means[3], 1e-12);
}

// Five queries a group that are right together or not at all: intervals that take them as alone
// would hold the truth far less often.
TEST(PairedBootstrap, CoversTheTruthWhereQueriesDependOnEachOther) {
  Context context = Context::cpu({.threads = 1});
  Random random(19, RandomStream::data);
  const std::vector<double> none(300);
  std::vector<std::int64_t> groups;
  for (std::int64_t i = 0; i < 300; ++i) groups.push_back(i / 5);
  int covered = 0, covered_alone = 0;
  for (std::uint64_t trial = 0; trial < 200; ++trial) {
    std::vector<double> a;
    for (int g = 0; g < 60; ++g) {
      const double hit = random.uniform() < 0.6F;
      for (int i = 0; i < 5; ++i) a.push_back(hit);
    }
    const BootstrapOptions options{.resamples = 500, .seed = trial};
    const auto holds = [](const Interval& x) { return x.low <= 0.6 && x.high >= 0.6; };
    covered += holds(paired_bootstrap(context, a, none, groups, options));
    covered_alone += holds(paired_bootstrap(context, a, none, options));
  }
  EXPECT_GE(covered, 180);  // .95 * 200 less three standard errors
  EXPECT_LE(covered_alone, 150);
}

std::string message(const std::vector<double>& a, const std::vector<double>& b,
                    const BootstrapOptions& options = {}) {
  Context context = Context::cpu({.threads = 1});
  return error_of([&] { paired_bootstrap(context, a, b, options); });
}

TEST(PairedBootstrap, BadInputIsNamed) {
  EXPECT_EQ(message({1, 2}, {1}), "paired_bootstrap: expected b of size 2, got 1");
  EXPECT_EQ(message({}, {}), "paired_bootstrap: expected from 1 to 4294967291 queries, got 0");
  EXPECT_EQ(message({1}, {1}, {.resamples = 0}),
            "paired_bootstrap: expected from 1 to 4294967295 resamples, got 0");
  EXPECT_EQ(message({1}, {1}, {.confidence = 1}),
            "paired_bootstrap: expected a confidence between 0 and 1, got 1.000000");
  EXPECT_EQ(message({1, 2}, {1, NAN}),
            "paired_bootstrap: expected finite values, got 2.000000 and nan at 1");
  Context context = Context::cpu({.threads = 1});
  const std::vector<double> two{1, 2};
  const auto grouped = [&](const std::vector<std::int64_t>& groups) {
    return error_of([&] { paired_bootstrap(context, two, two, groups); });
  };
  EXPECT_EQ(grouped({0}), "paired_bootstrap: expected groups of size 2, got 1");
  EXPECT_EQ(grouped({0, -1}), "paired_bootstrap: expected groups from 0, got -1 for query 1");
}

}  // namespace
}  // namespace clipk::test
