// Correlations with factors, and the strongest of a table.
#include <cmath>
#include <limits>
#include <string>

#include "clipk/metrics/correlation.hpp"
#include "metrics/labelings.hpp"
#include "support/error_of.hpp"
#include "support/uniform_rows.hpp"

namespace clipk::test {
namespace {

TEST(Correlations, OfFactors) {
  Context context = Context::cpu({.threads = 2});
  const Matrix<float> x = uniform_rows(60, 4, 7);
  std::vector<Factor> factors(3);
  factors[0] = {.name = "shape",
                .classes = random_labels(60, 4, 8),
                .class_names = {"a", "b", "c", "d", "never"}};
  factors[0].classes[5] = factors[0].classes[30] = -1;
  factors[1] = {
      .name = "side", .classes = random_labels(60, 2, 9), .class_names = {"left", "right"}};
  factors[2] = {.name = "place", .values = uniform_rows(60, 2, 10)};
  const auto found = factor_correlations(context, x, factors);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].names,
            (std::vector<std::string>{"shape = a", "shape = b", "shape = c", "shape = d"}));
  EXPECT_EQ(found[1].names, std::vector<std::string>{"side = right"});
  EXPECT_EQ(found[2].names, (std::vector<std::string>{"place 1", "place 2"}));
  EXPECT_EQ(found[0].table.n, 58);
  EXPECT_EQ(found[1].table.n, 60);

  const CorrelationTable alone = point_biserial(context, x, factors[0].classes, 2);
  const CorrelationTable values = correlations(context, x, factors[2].values);
  std::vector<double> p;
  for (const auto& factor : found) {
    p.insert(p.end(), factor.table.p.data(), factor.table.p.data() + factor.table.p.flat().size);
  }
  const std::vector<double> q = false_discovery_adjusted(p);
  for (std::int64_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(found[0].table.r(i, 2), alone.r(i, 0), 1e-14);
    EXPECT_EQ(found[2].table.r(i, 1), values.r(i, 1));
    EXPECT_EQ(found[0].table.q(i, 3), q[static_cast<std::size_t>(4 * i + 3)]);
    EXPECT_EQ(found[1].table.q(i, 0), q[static_cast<std::size_t>(16 + i)]);
  }
  EXPECT_TRUE(factor_correlations(context, x, {}).empty());

  // Rows without a value are left out as if they were not there.
  std::vector<Factor> gaps(1);
  gaps[0] = {.name = "place", .values = uniform_rows(60, 2, 10)};
  gaps[0].values(7, 0) = gaps[0].values(20, 1) = std::numeric_limits<float>::quiet_NaN();
  std::vector<std::int64_t> known;
  for (std::int64_t i = 0; i < 60; ++i) {
    if (i != 7 && i != 20) known.push_back(i);
  }
  std::vector<Factor> fewer;
  fewer.push_back(select_rows(gaps[0], known));
  const Matrix<float> fewer_x = select_rows({.values = uniform_rows(60, 4, 7)}, known).values;
  const auto with_gaps = factor_correlations(context, x, gaps);
  const auto without = factor_correlations(context, fewer_x, fewer);
  EXPECT_EQ(with_gaps[0].table.n, 58);
  for (std::int64_t i = 0; i < 8; ++i) {
    EXPECT_EQ(with_gaps[0].table.r.data()[i], without[0].table.r.data()[i]);
  }
}

TEST(Correlations, StrongestComeFirst) {
  Context context = Context::cpu({.threads = 2});
  Matrix<float> x = uniform_rows(30, 3, 1), y = uniform_rows(30, 2, 2);
  for (std::int64_t i = 0; i < 30; ++i) {
    x(i, 1) = 1;
    y(i, 1) = -x(i, 2);
  }
  const CorrelationTable table = correlations(context, x, y);
  const auto all = strongest(table, 100);
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0].coordinate, 2);
  EXPECT_EQ(all[0].feature, 1);
  EXPECT_NEAR(all[0].r, -1, 1e-14);
  EXPECT_EQ(all[0].q, table.q(2, 1));
  for (std::size_t i = 1; i < 4; ++i) EXPECT_GE(std::abs(all[i - 1].r), std::abs(all[i].r));
  const auto one = strongest(table, 1, 0);
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].feature, 0);
  EXPECT_EQ(one[0].p, table.p(one[0].coordinate, 0));
}

TEST(Correlations, RefuseFactorsThatTellNothing) {
  Context context = Context::cpu({.threads = 2});
  const Matrix<float> x = uniform_rows(4, 3, 1);
  const auto refused = [&](const Factor& factor) {
    return error_of([&] { factor_correlations(context, x, {&factor, 1}); });
  };
  EXPECT_EQ(refused({.name = "kind", .classes = {0, 1, 0}, .class_names = {"a", "b"}}),
            "factor_correlations: factor 'kind': expected 4 rows, got 3");
  EXPECT_EQ(refused({.name = "kind", .classes = {0, -1, 0, 0}, .class_names = {"a", "b"}}),
            "feature_columns: factor 'kind': expected 2 or more classes that occur, got 1");
  EXPECT_EQ(refused({.name = "kind", .classes = {0, 1, 2, 0}, .class_names = {"a", "b"}}),
            "feature_columns: factor 'kind': expected classes below 2, got 2 in row 2");
  EXPECT_EQ(refused({.name = "kind", .classes = {0, -1, 1, -1}, .class_names = {"a", "b"}}),
            "factor_correlations: factor 'kind': expected from 3 to 536870912 rows, got 2");
}

}  // namespace
}  // namespace clipk::test
