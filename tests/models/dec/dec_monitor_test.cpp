#include "models/dec/dec_monitor.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/arrays.hpp"

namespace clipk::test {
namespace {

DecUpdate healthy() {
  DecUpdate update;
  update.masses = {0.5, 0.3, 0.2};
  update.shares = {0.6, 0.35, 0.05};
  update.smallest_centre_distance = 4;
  return update;
}

TEST(DecMonitor, SeesWhatPlainLoopsSee) {
  Context context = Context::cpu({.threads = 2});
  const std::int64_t n = 2500, k = 4;
  Matrix<float> q(n, k);
  const std::vector<float> values = normals(n * k, 1);
  std::vector<double> sums(4), counts(4);
  double entropy = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    double total = 0;
    for (std::int64_t j = 0; j < k; ++j) {
      const float value = values[static_cast<std::size_t>(i * k + j)];
      q(i, j) = i == 7 && j > 0 ? 0 : value * value;
      total += static_cast<double>(q(i, j));
    }
    std::size_t best = 0;
    for (std::int64_t j = 0; j < k; ++j) {
      q(i, j) = static_cast<float>(q(i, j) / total);
      const double share = q(i, j);
      sums[static_cast<std::size_t>(j)] += share;
      if (share > 0) entropy -= share * std::log(share) / static_cast<double>(n);
      if (q(i, j) > q(i, static_cast<std::int64_t>(best))) best = static_cast<std::size_t>(j);
    }
    counts[best] += 1;
  }
  Matrix<float> centres(k, 2);
  const float places[] = {0, 0, 3, 4, 3, 5, 9, 9};
  std::copy(std::begin(places), std::end(places), centres.data());
  const DecView view = dec_view(context, q, VectorView<const double>(sums.data(), k), centres);
  EXPECT_NEAR(view.update.entropy, entropy, 1e-9);
  EXPECT_DOUBLE_EQ(view.update.smallest_centre_distance, 1);
  for (std::size_t j = 0; j < 4; ++j) {
    EXPECT_DOUBLE_EQ(view.update.masses[j], sums[j] / static_cast<double>(n));
    EXPECT_DOUBLE_EQ(view.update.shares[j], counts[j] / static_cast<double>(n));
  }
  EXPECT_EQ(view.labels, largest_columns(context, q));
  EXPECT_EQ(view.labels[7], 0);
}

TEST(DecMonitor, LabelChangeIsAShare) {
  EXPECT_EQ(label_change({0, 1, 2, 1}, {0, 1, 2, 1}), 0);
  EXPECT_EQ(label_change({0, 1, 2, 1}, {1, 1, 2, 0}), 0.5);
}

TEST(DecMonitor, AlarmSoundsForEachSignOfCollapse) {
  const DecGuard guard{.least_mass = 0.5, .least_distance = 0.25};
  // Bounds: half of the smallest mass at the start, .2; of the smallest share, .05; a quarter of 4.
  const CollapseAlarm alarm(guard, healthy());
  EXPECT_FALSE(alarm.sounds(healthy()));
  const auto sounds = [&](const auto& change) {
    DecUpdate update = healthy();
    change(update);
    return alarm.sounds(update);
  };
  EXPECT_FALSE(sounds([](DecUpdate& u) { u.masses[1] = 0.101; }));
  EXPECT_TRUE(sounds([](DecUpdate& u) { u.masses[1] = 0.099; }));
  EXPECT_FALSE(sounds([](DecUpdate& u) { u.shares[2] = 0.026; }));
  EXPECT_TRUE(sounds([](DecUpdate& u) { u.shares[2] = 0.024; }));
  EXPECT_FALSE(sounds([](DecUpdate& u) { u.smallest_centre_distance = 1.01; }));
  EXPECT_TRUE(sounds([](DecUpdate& u) { u.smallest_centre_distance = 0.99; }));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(sounds([&](DecUpdate& u) { u.loss = nan; }));
  EXPECT_TRUE(sounds([&](DecUpdate& u) { u.divergence = INFINITY; }));
  EXPECT_TRUE(sounds([&](DecUpdate& u) { u.entropy = nan; }));
  EXPECT_TRUE(sounds([&](DecUpdate& u) { u.masses[0] = nan; }));
  EXPECT_TRUE(sounds([&](DecUpdate& u) { u.smallest_centre_distance = nan; }));
}

// Where the start is even, the bound is a part of 1 / k.
TEST(DecMonitor, ALargeStartDoesNotRaiseTheBound) {
  DecUpdate start = healthy();
  start.masses = start.shares = {0.34, 0.33, 0.33};
  const CollapseAlarm alarm({.least_mass = 0.1}, start);
  DecUpdate update = healthy();
  update.shares = {0.9, 0.066, 0.034};
  EXPECT_FALSE(alarm.sounds(update));
  update.shares = {0.9, 0.068, 0.032};
  EXPECT_TRUE(alarm.sounds(update));
}

}  // namespace
}  // namespace clipk::test
