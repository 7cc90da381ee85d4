#include "clipk/models/choose_clusters.hpp"

#include <gtest/gtest.h>

#include "clipk/core/error.hpp"
#include "clipk/core/matrix.hpp"
#include "support/arrays.hpp"

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
    try {
      choose(rows, options);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message({.candidates = {}}), "choose_clusters: expected at least 1 candidate, got 0");
  EXPECT_EQ(message({.runs = 1}), "choose_clusters: expected at least 2 runs, got 1");
  EXPECT_EQ(message({.share = 0}),
            "choose_clusters: expected a share above 0, at most 1, got 0.000000");
  EXPECT_EQ(message({.candidates = {25}}),
            "kmeans: expected k of at most 24, the number of rows, got 25");
}

}  // namespace
}  // namespace clipk::test
