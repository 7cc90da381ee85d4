#include "clipk/metrics/jackknife.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

using Rows = std::vector<std::int64_t>;

Rows each_alone(std::int64_t n) {
  Rows groups(static_cast<std::size_t>(n));
  std::iota(groups.begin(), groups.end(), 0);
  return groups;
}

double mean_of(const std::vector<double>& values, const Rows& rows) {
  double sum = 0;
  for (const std::int64_t row : rows) sum += values[static_cast<std::size_t>(row)];
  return sum / static_cast<double>(rows.size());
}

// With a fold a row, the jackknife of a mean is s / sqrt(n).
TEST(Jackknife, OfAMeanIsItsStandardError) {
  Random random(5, RandomStream::data);
  std::vector<double> values(30);
  for (double& value : values) value = random.normal();
  const Rows groups = each_alone(30);
  const double mean = mean_of(values, groups);
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double error = jackknife_standard_error(
      groups, [&](const Rows& rows) { return mean_of(values, rows); }, 30);
  EXPECT_NEAR(error, std::sqrt(squares / 29 / 30), 1e-14);
}

TEST(Jackknife, LeavesGroupsOutTogether) {
  const Rows groups{0, 1, 0, 2, 3, 2};
  std::vector<Rows> left;
  jackknife_standard_error(
      groups,
      [&](const Rows& rows) {
        left.push_back(rows);
        return 0.;
      },
      2);
  EXPECT_EQ(left, (std::vector<Rows>{{1, 4}, {0, 2, 3, 5}}));
}

// Copies of rows tell nothing new.
TEST(Jackknife, RepeatedRowsMakeNothingSurer) {
  Random random(6, RandomStream::data);
  std::vector<double> values(40), twice;
  for (double& value : values) value = random.normal();
  Rows groups;
  for (std::int64_t i = 0; i < 80; ++i) {
    groups.push_back(i / 2);
    twice.push_back(values[static_cast<std::size_t>(i / 2)]);
  }
  EXPECT_NEAR(
      jackknife_standard_error(groups, [&](const Rows& rows) { return mean_of(twice, rows); }),
      jackknife_standard_error(each_alone(40),
                               [&](const Rows& rows) { return mean_of(values, rows); }),
      1e-14);
}

std::string message(const Rows& groups, std::int64_t folds) {
  return error_of([&] {
    jackknife_standard_error(
        groups, [](const Rows&) { return 0.; }, folds);
  });
}

TEST(Jackknife, BadInputIsNamed) {
  EXPECT_EQ(message({0, 1, 2}, 1), "jackknife_standard_error: expected at least 2 folds, got 1");
  EXPECT_EQ(message({0, 1, 1}, 3), "jackknife_standard_error: expected at least 3 groups, got 2");
  EXPECT_EQ(message({}, 3), "jackknife_standard_error: expected at least 3 groups, got 0");
  EXPECT_EQ(message({2, -1, 1}, 3),
            "jackknife_standard_error: expected groups counted from 0, got -1");
  EXPECT_EQ(message({0, 20, 40}, 2),
            "jackknife_standard_error: expected groups counted from 0, got 20");
  EXPECT_EQ(message({0, 2, 3, 3}, 2),
            "jackknife_standard_error: expected groups counted from 0, got a gap between their "
            "numbers");
}

}  // namespace
}  // namespace clipk::test
