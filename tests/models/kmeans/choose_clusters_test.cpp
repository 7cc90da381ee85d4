#include "clipk/models/choose_clusters.hpp"

#include <gtest/gtest.h>

#include "clipk/core/error.hpp"
#include "clipk/core/matrix.hpp"
#include "support/arrays.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

// `classes` blobs in 6 dimensions.
Matrix<float> blobs(std::int64_t n, std::int64_t classes, double spread) {
  const std::vector<double> middles = normals<double>(classes * 6, 3, spread);
  const std::vector<float> noise = normals(n * 6, 4);
  Matrix<float> rows(n, 6);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < 6; ++j) {
      rows(i, j) = noise[static_cast<std::size_t>(i * 6 + j)] +
                   static_cast<float>(middles[static_cast<std::size_t>(i % classes * 6 + j)]);
    }
  }
  return rows;
}

ClusterChoice choose(const Matrix<float>& rows, const ChooseClustersOptions& options,
                     int threads = 1) {
  Context context = Context::cpu({.seed = 2, .threads = threads});
  return choose_clusters(context, rows, options);
}

TEST(ChooseClusters, FindsThePlantedNumber) {
  for (const std::int64_t planted : {3, 5}) {
    const ClusterChoice choice = choose(blobs(600, planted, 5), {.candidates = {2, 3, 4, 5, 6, 7}});
    EXPECT_EQ(choice.k, planted);
    ASSERT_EQ(choice.candidates.size(), 6U);
    for (const ClusterCandidate& candidate : choice.candidates) {
      EXPECT_EQ(candidate.stability.pairs, 10);
      if (candidate.k == planted) {
        EXPECT_GT(candidate.stability.mean, 0.99);
        EXPECT_NEAR(candidate.inertia, 6, 0.5);  // the noise of six dimensions
      }
      if (candidate.k > planted) {
        EXPECT_LT(candidate.stability.mean, 0.98);
      }
    }
  }
}

// `distinct` rows in turn.
Matrix<float> repeated(std::int64_t n, std::int64_t distinct) {
  const std::vector<float> values = normals(distinct * 6, 5);
  Matrix<float> rows(n, 6);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < 6; ++j) {
      rows(i, j) = values[static_cast<std::size_t>(i % distinct * 6 + j)];
    }
  }
  return rows;
}

TEST(ChooseClusters, EachOfFewDistinctRowsIsACluster) {
  const ClusterChoice choice = choose(repeated(100, 5), {.candidates = {2, 3, 4, 5, 6}});
  EXPECT_EQ(choice.k, 5);  // 6 clusters of 5 different rows are none
  EXPECT_EQ(choice.candidates[3].stability.mean, 1);
  EXPECT_EQ(choice.candidates[3].inertia, 0);
}

// A sample without the odd row has one distinct row less, or with two of them one cluster alone.
TEST(ChooseClusters, ASampleThatLacksARow) {
  for (const std::int64_t distinct : {2, 5}) {
    Matrix<float> rows = repeated(40, distinct - 1);
    for (std::int64_t j = 0; j < 6; ++j) rows(7, j) = 100;
    ChooseClustersOptions options{.candidates = {distinct}, .runs = 8, .share = .5};
    EXPECT_EQ(choose(rows, options).k, distinct);
    options.candidates = {distinct + 1};
    EXPECT_THROW(choose(rows, options), Error);
  }
}

TEST(ChooseClusters, SphericalRowsAreDistinctByDirection) {
  Matrix<float> rows = repeated(60, 4);
  for (std::int64_t i = 0; i < 30; ++i) {
    for (std::int64_t j = 0; j < 6; ++j) rows(i, j) *= 2;
  }
  const ChooseClustersOptions options{.candidates = {2, 3, 4, 5, 6, 7, 8}, .spherical = true};
  EXPECT_EQ(choose(rows, options).k, 4);
}

TEST(ChooseClusters, OneAndTwoThreadsChooseTheSame) {
  const Matrix<float> rows = blobs(300, 3, 1);
  const ChooseClustersOptions options{.candidates = {2, 3, 4}, .runs = 3, .share = 1};
  const ClusterChoice one = choose(rows, options, 1), two = choose(rows, options, 2);
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_EQ(one.candidates[c].stability.mean, two.candidates[c].stability.mean);
    EXPECT_EQ(one.candidates[c].inertia, two.candidates[c].inertia);
  }
  EXPECT_EQ(one.k, two.k);
}

TEST(ChooseClusters, BadOptionsAreNamed) {
  const Matrix<float> rows = blobs(30, 3, 5);
  const auto message = [&](const ChooseClustersOptions& options) -> std::string {
    return error_of([&] { choose(rows, options); });
  };
  EXPECT_EQ(message({.candidates = {}}), "choose_clusters: expected at least 1 candidate, got 0");
  EXPECT_EQ(message({.runs = 1}), "choose_clusters: expected at least 2 runs, got 1");
  EXPECT_EQ(message({.share = 0}),
            "choose_clusters: expected a share above 0, at most 1, got 0.000000");
  EXPECT_EQ(message({.candidates = {25}}),
            "kmeans: expected k of at most 24, the number of rows, got 25");
  EXPECT_EQ(message({.candidates = {1}}), "kmeans: expected k of at least 2, got 1");
}

}  // namespace
}  // namespace clipk::test
