#include "clipk/metrics/clustering.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <string>

#include "golden/clustering.inc"
#include "metrics/labelings.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

constexpr Normalizer kNormalizers[] = {Normalizer::arithmetic, Normalizer::geometric,
                                       Normalizer::min, Normalizer::max};

Contingency table_of(const std::vector<std::int32_t>& truth,
                     const std::vector<std::int32_t>& predicted) {
  return contingency(view_of(truth), view_of(predicted));
}

Contingency table_of(std::int64_t rows, std::int64_t cols,
                     const std::vector<std::int64_t>& counts) {
  return contingency(MatrixView<const std::int64_t>(counts.data(), rows, cols));
}

void expect_scores(const Contingency& table, const golden::Scores& expected, double tolerance) {
  for (std::size_t i = 0; i < 4; ++i) {
    SCOPED_TRACE(i);
    EXPECT_NEAR(adjusted_mutual_info(table, kNormalizers[i]), expected[i], tolerance);
    EXPECT_NEAR(normalized_mutual_info(table, kNormalizers[i]), expected[4 + i], tolerance);
  }
  EXPECT_NEAR(adjusted_rand_index(table), expected[8], tolerance);
  EXPECT_NEAR(fowlkes_mallows(table), expected[9], tolerance);
  EXPECT_NEAR(homogeneity(table), expected[10], tolerance);
  EXPECT_NEAR(completeness(table), expected[11], tolerance);
  EXPECT_NEAR(v_measure(table), expected[12], tolerance);
  EXPECT_NEAR(v_measure(table, 0.5), expected[13], tolerance);
  EXPECT_NEAR(hungarian_accuracy(table), expected[14], tolerance);
  const ClusteringScores all = clustering_scores(table);
  EXPECT_EQ(all.ami, adjusted_mutual_info(table));
  EXPECT_EQ(all.ari, adjusted_rand_index(table));
  EXPECT_EQ(all.fmi, fowlkes_mallows(table));
  EXPECT_EQ(all.nmi, normalized_mutual_info(table));
  EXPECT_EQ(all.homogeneity, homogeneity(table));
  EXPECT_EQ(all.completeness, completeness(table));
  EXPECT_EQ(all.v_measure, v_measure(table));
  EXPECT_EQ(all.acc, hungarian_accuracy(table));
}

TEST(Clustering, EdgeCasesOfScikitLearn) {
  for (const auto& edge : golden::kEdgeCases) {
    SCOPED_TRACE(edge.name);
    expect_scores(table_of(edge.truth, edge.predicted), edge.scores, 1e-14);
  }
}

TEST(Clustering, RandomLabelingsAsScikitLearn) {
  for (const auto& c : golden::kRandomCases) {
    SCOPED_TRACE(std::to_string(c.n) + " points, " + std::to_string(c.k) + " labels");
    const Labelings labelings = related_labels(c.n, c.k, c.seed, c.share);
    expect_scores(table_of(labelings.truth, labelings.predicted), c.scores, 1e-12);
  }
}

TEST(Clustering, RandomLabelingsAsExactArithmetic) {
  for (const auto& c : golden::kExactCases) {
    SCOPED_TRACE(std::to_string(c.n) + " points, " + std::to_string(c.k) + " labels");
    const Labelings labelings = related_labels(c.n, c.k, c.seed, c.share);
    const Contingency table = table_of(labelings.truth, labelings.predicted);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(adjusted_mutual_info(table, kNormalizers[i]), c.ami[i], 5e-15);
    }
  }
}

TEST(Clustering, TablesUpToABillionPointsAsExactArithmetic) {
  for (const auto& c : golden::kTableCases) {
    const Contingency table = table_of(c.rows, c.cols, c.counts);
    SCOPED_TRACE(table.points);
    EXPECT_NEAR(mutual_info(table), c.mi, 2e-16);
    EXPECT_NEAR(expected_mutual_info(table), c.expected, 2e-16);
    EXPECT_NEAR(adjusted_mutual_info(table), c.ami, 2e-15);
    EXPECT_NEAR(normalized_mutual_info(table), c.nmi, 2e-15);
    EXPECT_NEAR(adjusted_rand_index(table), c.ari, 2e-16);
    EXPECT_NEAR(fowlkes_mallows(table), c.fmi, 2e-16);
  }
}

TEST(Clustering, PairsOfFourQuintillionPoints) {
  for (const auto& c : golden::kHugeCases) {
    const Contingency table = table_of(2, 2, {c.counts.begin(), c.counts.end()});
    SCOPED_TRACE(table.points);
    EXPECT_NEAR(adjusted_rand_index(table), c.ari, 2e-16);
    EXPECT_NEAR(fowlkes_mallows(table), c.fmi, 2e-16);
    EXPECT_GT(mutual_info(table), -1e-18);
  }
  const std::int64_t most = std::int64_t{1} << 62;
  EXPECT_EQ(adjusted_rand_index(table_of(1, 1, {most})), 1);
  EXPECT_EQ(fowlkes_mallows(table_of(1, 1, {most})), 1);
  EXPECT_EQ(adjusted_mutual_info(table_of(2, 2, {most / 2, 0, 0, most / 2})), 1);
}

// The definition, summed over every overlap there is, with factorials by log-gamma.
double plain_expected(const Contingency& table) {
  const auto log_factorial = [](std::int64_t x) {
    return std::lgamma(static_cast<long double>(x + 1));
  };
  const std::int64_t n = table.points;
  long double sum = 0;
  for (const std::int64_t a : table.row_sums) {
    for (const std::int64_t b : table.col_sums) {
      for (std::int64_t x = std::max<std::int64_t>(1, a + b - n); x <= std::min(a, b); ++x) {
        const long double log_p = log_factorial(a) + log_factorial(b) + log_factorial(n - a) +
                                  log_factorial(n - b) - log_factorial(n) - log_factorial(x) -
                                  log_factorial(a - x) - log_factorial(b - x) -
                                  log_factorial(n - a - b + x);
        sum += static_cast<long double>(x) / static_cast<long double>(n) *
               std::log(static_cast<long double>(n) * static_cast<long double>(x) /
                        (static_cast<long double>(a) * static_cast<long double>(b))) *
               std::exp(log_p);
      }
    }
  }
  return static_cast<double>(sum);
}

TEST(Clustering, ExpectedInformationIsTheFullSum) {
  // Few large clusters, many small ones, sizes from 1 to nearly all.
  for (const auto& [n, k] : std::vector<std::pair<std::int64_t, std::uint32_t>>{
           {2, 2}, {17, 4}, {113, 100}, {1021, 3}, {1021, 300}, {20000, 4}}) {
    const Contingency table = table_of(random_labels(n, k, 31), random_labels(n, k + 1, 32));
    const double plain = plain_expected(table);
    EXPECT_NEAR(expected_mutual_info(table), plain, 1e-13 * plain + 1e-17) << n << " " << k;
  }
  for (const std::int64_t rest : {1, 2, 50}) {
    const Contingency table = table_of(3, 2, {5000, 300, rest, 1, 20, 700});
    const double plain = plain_expected(table);
    EXPECT_NEAR(expected_mutual_info(table), plain, 1e-12 * plain) << rest;
  }
  // Two sizes that together are more than all points: overlaps start above 1.
  const Contingency full = table_of(2, 2, {995, 3, 1, 1});
  EXPECT_NEAR(expected_mutual_info(full), plain_expected(full), 1e-16);
}

TEST(Clustering, ABillionPointsTakeNoTime) {
  std::vector<std::int64_t> counts;
  for (std::int64_t i = 0; i < 100; ++i) counts.push_back(9'000'000 + 20'011 * i);
  const Contingency table = table_of(10, 10, counts);
  EXPECT_GT(table.points, 990'000'000);
  const auto start = std::chrono::steady_clock::now();
  const double expected = expected_mutual_info(table);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  // (K - 1)(L - 1) / (2 n), the chi-squared limit.
  EXPECT_NEAR(expected * static_cast<double>(table.points) / 40.5, 1, 1e-6);
  EXPECT_LT(seconds.count(), 10) << "a busy core takes .1 s";
}

TEST(Clustering, SingletonsAreExactlyChance) {
  // Two sizes, as many connected parts as points.
  std::vector<std::int32_t> singletons(200'000);
  std::iota(singletons.begin(), singletons.end(), 0);
  std::vector<std::int32_t> reversed(singletons.rbegin(), singletons.rend());
  const ClusteringScores same = clustering_scores(view_of(singletons), view_of(reversed));
  EXPECT_EQ(same.ami, 1);
  EXPECT_EQ(same.ari, 1);
  EXPECT_EQ(same.nmi, 1);
  EXPECT_EQ(same.fmi, 0);
  EXPECT_EQ(same.acc, 1);
  const std::vector<std::int32_t> ten = random_labels(200'000, 10, 41);
  const Contingency table = table_of(ten, singletons);
  for (const Normalizer normalizer : kNormalizers) {
    EXPECT_EQ(adjusted_mutual_info(table, normalizer), 0);
  }
  // The general formula agrees to rounding.
  EXPECT_NEAR(mutual_info(table), expected_mutual_info(table), 1e-14);
  EXPECT_EQ(adjusted_rand_index(table), 0);
  EXPECT_EQ(normalized_mutual_info(table, Normalizer::min), 1);
  EXPECT_EQ(hungarian_accuracy(table), 10.0 / 200'000);
}

TEST(Clustering, TableOfAnyLabels) {
  constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();
  const Contingency table = table_of({5, 5, kMost, 0, -1, 5, 3}, {9, 9, 9, kMost, 1, -7, 0});
  EXPECT_EQ(table.classes, (std::vector<std::int32_t>{0, 3, 5, kMost}));
  EXPECT_EQ(table.clusters, (std::vector<std::int32_t>{0, 9, kMost}));
  EXPECT_EQ(table.row_sums, (std::vector<std::int64_t>{1, 1, 2, 1}));
  EXPECT_EQ(table.col_sums, (std::vector<std::int64_t>{1, 3, 1}));
  EXPECT_EQ(table.points, 5);
  EXPECT_EQ(table.missing, 2);
  const Matrix<std::int64_t> dense = table.dense();
  const std::vector<std::int64_t> expected = {0, 0, 1, 1, 0, 0, 0, 2, 0, 0, 1, 0};
  EXPECT_EQ(std::vector<std::int64_t>(dense.data(), dense.data() + 12), expected);
}

// Small and large labels, small and large tables: four ways to count.
TEST(Clustering, EveryWayToCountGivesTheSameTable) {
  const std::int64_t n = 20000;
  for (const std::uint32_t k : {7U, 3000U}) {
    for (const std::int32_t scale : {1, 600'000}) {
      Labelings labelings = related_labels(n, k, 51, 5);
      std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t> counts;
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
        labelings.truth[i] *= scale;
        ++counts[{labelings.truth[i], labelings.predicted[i]}];
      }
      const Contingency table = table_of(labelings.truth, labelings.predicted);
      ASSERT_EQ(table.cells.size(), counts.size());
      auto next = counts.begin();
      for (const auto& cell : table.cells) {
        EXPECT_EQ(table.classes[static_cast<std::size_t>(cell.row)], next->first.first);
        EXPECT_EQ(table.clusters[static_cast<std::size_t>(cell.col)], next->first.second);
        EXPECT_EQ(cell.count, next->second);
        ++next;
      }
    }
  }
}

TEST(Clustering, MissingLabelsAreLeftOut) {
  Labelings labelings = related_labels(500, 6, 61, 5);
  Labelings kept;
  for (std::size_t i = 0; i < 500; ++i) {
    if (i % 7 == 0) labelings.truth[i] = -1;
    if (i % 11 == 0) labelings.predicted[i] = -5;
    if (i % 7 == 0 || i % 11 == 0) continue;
    kept.truth.push_back(labelings.truth[i]);
    kept.predicted.push_back(labelings.predicted[i]);
  }
  const auto scores = clustering_scores(view_of(labelings.truth), view_of(labelings.predicted));
  const auto expected = clustering_scores(view_of(kept.truth), view_of(kept.predicted));
  EXPECT_EQ(scores.missing, 500 - static_cast<std::int64_t>(kept.truth.size()));
  EXPECT_EQ(scores.points, static_cast<std::int64_t>(kept.truth.size()));
  EXPECT_EQ(scores.classes, 6);
  EXPECT_EQ(scores.clusters, 6);
  EXPECT_EQ(scores.ami, expected.ami);
  EXPECT_EQ(scores.ari, expected.ari);
  EXPECT_EQ(scores.acc, expected.acc);
  EXPECT_EQ(clustering_scores(view_of(std::vector<std::int32_t>{-1, 2}),
                              view_of(std::vector<std::int32_t>{0, -1}))
                .missing,
            2);
}

TEST(Clustering, MatchedClassesOrderAConfusionMatrix) {
  // Cluster 2 is class 0, cluster 0 class 1; cluster 1 has no point of class 2, which is left.
  const Contingency table = table_of(3, 3, {1, 2, 9, 8, 7, 0, 0, 0, 3});
  EXPECT_EQ(matched_classes(table), (std::vector<std::int32_t>{1, -1, 0}));
  const Contingency left_over = table_of(2, 3, {1, 2, 9, 8, 7, 0});
  EXPECT_EQ(matched_classes(left_over), (std::vector<std::int32_t>{1, -1, 0}));
  // Two connected parts, each with one match; never a match without a point.
  const Contingency parts = table_of(3, 3, {5, 0, 0, 4, 0, 0, 0, 2, 3});
  EXPECT_EQ(matched_classes(parts), (std::vector<std::int32_t>{0, -1, 2}));
  EXPECT_DOUBLE_EQ(hungarian_accuracy(parts), 8.0 / 14);
}

TEST(Clustering, BadInputIsNamed) {
  const std::vector<std::int32_t> five(5), four(4);
  EXPECT_EQ(error_of([&] { table_of(five, four); }),
            "contingency: expected predicted of size 5, got 4");
  EXPECT_EQ(error_of([&] {
              table_of(2, 2, {1, 2, -3, 4});
            }),
            "contingency: expected counts of at least 0, got -3 in row 1, column 0");
  EXPECT_EQ(error_of([&] {
              table_of(1, 2, {std::int64_t{1} << 62, 1});
            }),
            "contingency: expected at most 2^62 points, got more");
  EXPECT_EQ(error_of([&] { v_measure(table_of(five, five), -1); }),
            "v_measure: expected a finite beta of at least 0, got -1.000000");
  EXPECT_HAS(error_of([&] { v_measure(table_of(five, five), NAN); }), "got nan");
}

}  // namespace
}  // namespace clipk::test
