#include "clipk/models/kmeans.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <numeric>
#include <set>
#include <string>

#include "clipk/core/error.hpp"
#include "models/kmeans/plain_lloyd.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

// n rows of c Gaussian blobs; blob centres have a spread of `spread`, rows of 1.
Matrix<float> blobs(std::int64_t n, std::int64_t d, std::int64_t c, std::uint64_t seed,
                    double spread = 6, double offset = 0) {
  const std::vector<float> middles = normals(c * d, seed, spread);
  const std::vector<float> noise = normals(n * d, seed + 1);
  Matrix<float> rows(n, d);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < d; ++j) {
      rows(i, j) = static_cast<float>(
          offset + static_cast<double>(middles[static_cast<std::size_t>(i * 7919 % c * d + j)]) +
          static_cast<double>(noise[static_cast<std::size_t>(i * d + j)]));
    }
  }
  return rows;
}

// Whether two labelings are the same up to the numbers of the clusters.
bool same_clusters(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
  std::set<std::pair<std::int32_t, std::int32_t>> pairs;
  std::set<std::int32_t> left, right;
  for (std::size_t i = 0; i < a.size(); ++i) {
    pairs.emplace(a[i], b[i]);
    left.insert(a[i]);
    right.insert(b[i]);
  }
  return a.size() == b.size() && pairs.size() == left.size() && pairs.size() == right.size();
}

Matrix<float> first_rows(const Matrix<float>& rows, std::int64_t k) {
  Matrix<float> start(k, rows.cols());
  std::copy_n(rows.data(), k * rows.cols(), start.data());
  return start;
}

class KMeansModel : public DeviceTest {};

TEST_P(KMeansModel, FollowsAPlainDoubleLloydLabelByLabel) {
  struct Case {
    std::int64_t n, d, k;
    double spread, offset;
  };
  for (const Case& c : {Case{50, 2, 3, 6, 0}, Case{257, 17, 5, 1, 0}, Case{113, 1, 4, 3, 0},
                        Case{1021, 33, 7, 0.3, 0}, Case{300, 8, 4, 1, 1000}}) {
    if (simt() && c.n > 300) continue;
    const Matrix<float> rows = blobs(c.n, c.d, c.k, 3, c.spread, c.offset);
    Matrix<float> centres = first_rows(rows, c.k);
    const Matrix<float> start = first_rows(rows, c.k);
    const PlainLloyd plain = plain_lloyd(rows, centres);
    const KMeans model =
        KMeans::fit(context(), rows, {.k = c.k, .tolerance = 0, .start = start.view()});
    EXPECT_TRUE(same_clusters(model.labels(), plain.labels)) << c.n;
    EXPECT_EQ(model.iterations(), plain.iterations) << c.n;
    EXPECT_NEAR(model.inertia(), plain.inertia, 1e-12 * plain.inertia) << c.n;
    EXPECT_EQ(model.runs().size(), 1U);
    EXPECT_TRUE(model.runs()[0].converged);
  }
}

// Centres that start at few places run empty again and again.
TEST_P(KMeansModel, FollowsAPlainLloydWhereClustersRunEmpty) {
  std::int64_t reseeded = 0;
  for (std::uint64_t seed = 1; seed <= (simt() ? 3 : 100); ++seed) {
    const Matrix<float> rows = blobs(60, 2 + seed % 5, 4, seed, 3);
    const std::int64_t k = 5 + static_cast<std::int64_t>(seed % 4);
    Matrix<float> centres(k, rows.cols());
    for (std::int64_t c = 0; c < k; ++c) {
      std::copy_n(rows.view().row(c % 2), rows.cols(), centres.view().row(c));
    }
    Matrix<float> start(k, rows.cols());
    copy<float>(context(), centres, start.view());
    const PlainLloyd plain = plain_lloyd(rows, centres);
    const KMeans model =
        KMeans::fit(context(), rows, {.k = k, .tolerance = 0, .start = start.view()});
    EXPECT_TRUE(same_clusters(model.labels(), plain.labels)) << seed;
    EXPECT_EQ(model.iterations(), plain.iterations) << seed;
    reseeded += model.runs()[0].reseeded;
  }
  EXPECT_GT(reseeded, 0);
}

TEST_P(KMeansModel, FindsSeparateBlobsAndPredictsThem) {
  const Matrix<float> rows = blobs(simt() ? 120 : 2000, 12, 6, 1, 10);
  const KMeans model = KMeans::fit(context(), rows, {.k = 6, .restarts = 3});
  std::vector<std::int32_t> blob;
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    blob.push_back(static_cast<std::int32_t>(i * 7919 % 6));
  }
  EXPECT_TRUE(same_clusters(model.labels(), blob));
  EXPECT_EQ(model.predict(context(), rows), model.labels());
  EXPECT_EQ(model.runs().size(), 3U);
  for (const KMeansRun& run : model.runs()) EXPECT_GE(run.inertia, model.inertia());
  EXPECT_EQ(model.inertia(), model.runs()[model.best_run()].inertia);
}

// On a line, with all centres at 0: every row has the first as its nearest, and the others take the
// farthest rows.
TEST_P(KMeansModel, EmptyClustersTakeTheFarthestRows) {
  Matrix<float> rows(6, 1), start(3, 1);
  for (std::int64_t i = 0; i < 6; ++i) rows(i, 0) = std::array{0.F, 1.F, 2.F, 10.F, 20.F, 30.F}[i];
  KMeans model = KMeans::fit(context(), rows,
                             {.k = 3, .max_iterations = 1, .tolerance = 0, .start = start.view()});
  EXPECT_EQ(model.runs()[0].reseeded, 2);
  EXPECT_EQ(model.labels(), (std::vector<std::int32_t>{0, 0, 0, 0, 1, 2}));
  EXPECT_EQ(model.centres()(0, 0), 3.25F);
  EXPECT_EQ(model.centres()(1, 0), 20.F);
  EXPECT_EQ(model.centres()(2, 0), 30.F);

  // Of equally far rows the lower goes first, and no row is taken that is alone in its cluster.
  Matrix<float> pairs(5, 1);
  for (std::int64_t i = 0; i < 5; ++i) pairs(i, 0) = std::array{-4.F, 0.F, 4.F, 0.F, 900.F}[i];
  Matrix<float> far(3, 1);
  far(1, 0) = 5e3F;
  far(2, 0) = 700.F;
  model = KMeans::fit(context(), pairs,
                      {.k = 3, .max_iterations = 1, .tolerance = 0, .start = far.view()});
  EXPECT_EQ(model.runs()[0].reseeded, 1);
  EXPECT_EQ(model.labels(), (std::vector<std::int32_t>{1, 0, 0, 0, 2}));
}

TEST_P(KMeansModel, DuplicatesAndConstantColumnsAreFine) {
  // Five distinct rows, many times; the middle column is constant.
  Matrix<float> rows(60, 3);
  for (std::int64_t i = 0; i < 60; ++i) {
    rows(i, 0) = static_cast<float>(i * i % 5 == 4 ? 3 : i % 5);
    rows(i, 1) = 7;
    rows(i, 2) = static_cast<float>(i % 5 / 2);
  }
  std::set<std::array<float, 3>> distinct;
  for (std::int64_t i = 0; i < 60; ++i) distinct.insert({rows(i, 0), rows(i, 1), rows(i, 2)});
  const auto k = static_cast<std::int64_t>(distinct.size());
  for (const bool given : {false, true}) {
    Matrix<float> start(k, 3);  // all centres at one place
    const KMeans model = KMeans::fit(
        context(), rows,
        {.k = k,
         .restarts = 2,
         .tolerance = 0,
         .start = given ? MatrixView<const float>(start.view()) : MatrixView<const float>()});
    EXPECT_EQ(model.inertia(), 0);
    EXPECT_TRUE(model.runs()[0].converged);
    std::set<std::int32_t> used(model.labels().begin(), model.labels().end());
    EXPECT_EQ(static_cast<std::int64_t>(used.size()), k);
  }
}

TEST_P(KMeansModel, AsManyClustersAsRows) {
  const Matrix<float> rows = blobs(9, 4, 3, 5);
  const KMeans model = KMeans::fit(context(), rows, {.k = 9, .restarts = 2});
  EXPECT_EQ(model.inertia(), 0);
  std::vector<std::int32_t> order(9);
  std::iota(order.begin(), order.end(), 0);
  EXPECT_EQ(model.labels(), order);  // of equal size: by their first row
}

TEST_P(KMeansModel, StopsWhenTheCentresMoveLessThanTheTolerance) {
  const Matrix<float> rows = blobs(simt() ? 60 : 500, 5, 3, 29, 0.5);
  const KMeans strict = KMeans::fit(context(), rows, {.k = 4, .restarts = 1, .tolerance = 0});
  const KMeans loose = KMeans::fit(context(), rows, {.k = 4, .restarts = 1, .tolerance = 1e9});
  EXPECT_GT(strict.iterations(), 1);
  EXPECT_EQ(loose.iterations(), 1);
  EXPECT_TRUE(loose.runs()[0].converged);
  EXPECT_EQ(loose.predict(context(), rows), loose.labels());  // of the centres it ends with
  const KMeans cut =
      KMeans::fit(context(), rows, {.k = 4, .restarts = 1, .max_iterations = 1, .tolerance = 0});
  EXPECT_FALSE(cut.runs()[0].converged);
  EXPECT_EQ(cut.inertia(), loose.inertia());
}

TEST_P(KMeansModel, ClustersAreNumberedByFallingSize) {
  const Matrix<float> rows = blobs(simt() ? 100 : 500, 6, 4, 9, 1);
  const KMeans model = KMeans::fit(context(), rows, {.k = 5, .restarts = 2});
  std::vector<std::int64_t> sizes(5);
  for (const std::int32_t label : model.labels()) ++sizes[static_cast<std::size_t>(label)];
  EXPECT_TRUE(std::is_sorted(sizes.rbegin(), sizes.rend()));
  EXPECT_GT(sizes.back(), 0);
}

TEST_P(KMeansModel, NoIterationRaisesTheInertia) {
  const Matrix<float> rows = blobs(simt() ? 40 : 800, 16, 5, 11, 0.7, 1);
  for (const bool spherical : {false, true}) {
    double last = INFINITY;
    for (std::int64_t iterations = 1; iterations <= (simt() ? 2 : 25); ++iterations) {
      const KMeans model = KMeans::fit(context(), rows,
                                       {.k = 5,
                                        .restarts = 1,
                                        .max_iterations = iterations,
                                        .tolerance = 0,
                                        .spherical = spherical});
      EXPECT_LE(model.inertia(), last * (1 + 1e-6)) << spherical << " " << iterations;
      last = model.inertia();
      for (std::int64_t c = 0; spherical && c < 5; ++c) {
        const std::vector<float> origin(16);
        EXPECT_NEAR(squared_distance(model.centres().view().row(c), origin.data(), 16), 1, 1e-6);
      }
    }
  }
}

TEST_P(KMeansModel, SphericalClustersAreOfDirections) {
  Matrix<float> rows = blobs(simt() ? 60 : 300, 8, 3, 2, 10);
  const KMeans model = KMeans::fit(context(), rows, {.k = 3, .restarts = 2, .spherical = true});
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    for (std::int64_t j = 0; j < 8; ++j) rows(i, j) *= static_cast<float>(1 + i % 4);
  }
  EXPECT_EQ(model.predict(context(), rows), model.labels());
}

TEST_P(KMeansModel, ARestartDoesNotDependOnTheOthers) {
  const Matrix<float> rows = blobs(simt() ? 70 : 400, 5, 6, 13, 1);
  const KMeans many = KMeans::fit(context(), rows, {.k = 6, .restarts = 4});
  const KMeans one = KMeans::fit(context(), rows, {.k = 6, .restarts = 1});
  EXPECT_EQ(many.runs()[0].inertia, one.runs()[0].inertia);
  EXPECT_EQ(many.runs()[0].iterations, one.runs()[0].iterations);
  const auto best = std::min_element(
      many.runs().begin(), many.runs().end(),
      [](const KMeansRun& a, const KMeansRun& b) { return a.inertia < b.inertia; });
  EXPECT_EQ(many.best_run(), static_cast<std::size_t>(best - many.runs().begin()));
}

TEST_P(KMeansModel, ComesBackFromItsFile) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("kmeans_" + std::to_string(getpid()));
  const Matrix<float> rows = blobs(60, 5, 3, 17);
  const KMeans model = KMeans::fit(context(), rows, {.k = 3, .restarts = 2, .spherical = true});
  model.save(path);
  const KMeans loaded = KMeans::load(path);
  EXPECT_EQ(std::memcmp(loaded.centres().data(), model.centres().data(), 15 * sizeof(float)), 0);
  EXPECT_EQ(loaded.labels(), model.labels());
  EXPECT_EQ(loaded.best_run(), model.best_run());
  EXPECT_EQ(loaded.spherical(), true);
  ASSERT_EQ(loaded.runs().size(), 2U);
  for (std::size_t r = 0; r < 2; ++r) {
    EXPECT_EQ(loaded.runs()[r].inertia, model.runs()[r].inertia);
    EXPECT_EQ(loaded.runs()[r].iterations, model.runs()[r].iterations);
    EXPECT_EQ(loaded.runs()[r].reseeded, model.runs()[r].reseeded);
    EXPECT_EQ(loaded.runs()[r].converged, model.runs()[r].converged);
  }
  EXPECT_EQ(loaded.predict(context(), rows), model.labels());
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  EXPECT_THROW(KMeans::load(path), Error);
  std::filesystem::remove(path);
}

CLIPK_INSTANTIATE_DEVICE_TEST(KMeansModel);

TEST(MeansByLabel, FollowThePlainSumsAndNameWhatDoesNotFit) {
  Matrix<float> rows(4, 2);
  for (std::int64_t i = 0; i < 8; ++i) rows.data()[i] = static_cast<float>(i * i);
  const Matrix<double> means = means_by_label(rows, std::vector<std::int32_t>{2, 0, 2, 2}, 3);
  const std::vector<double> expected{4, 9, 0, 0, (0 + 16 + 36) / 3., (1 + 25 + 49) / 3.};
  for (std::int64_t i = 0; i < 6; ++i) {
    EXPECT_DOUBLE_EQ(means.data()[i], expected[static_cast<std::size_t>(i)]);
  }
  const auto message = [&](const std::vector<std::int32_t>& labels) -> std::string {
    return error_of([&] { means_by_label(rows, labels, 3); });
  };
  EXPECT_EQ(message({0, 1, 3, 0}),
            "means_by_label: expected labels from 0, below 3, got 3 in row 2");
  EXPECT_EQ(message({0, 1}), "means_by_label: expected 4 labels, one a row, got 2");
}

TEST(KMeans, ThreadsAndStridesChangeNoBit) {
  const Matrix<float> rows = blobs(5000, 50, 8, 19, 0.4);
  const MatrixView<const float> view = rows.view().col_range(3, 41);
  Matrix<float> compact(5000, 41);
  for (std::int64_t i = 0; i < 5000; ++i) std::copy_n(view.row(i), 41, compact.view().row(i));
  Context one = Context::cpu({.seed = 4, .threads = 1});
  Context two = Context::cpu({.seed = 4, .threads = 2});
  const KMeans first = KMeans::fit(one, view, {.k = 8, .restarts = 3});
  for (const KMeans& other : {KMeans::fit(two, view, {.k = 8, .restarts = 3}),
                              KMeans::fit(two, compact, {.k = 8, .restarts = 3})}) {
    EXPECT_EQ(first.labels(), other.labels());
    EXPECT_EQ(std::memcmp(first.centres().data(), other.centres().data(),
                          static_cast<std::size_t>(8 * 41) * sizeof(float)),
              0);
    for (std::size_t r = 0; r < 3; ++r) {
      EXPECT_EQ(first.runs()[r].inertia, other.runs()[r].inertia);
      EXPECT_EQ(first.runs()[r].iterations, other.runs()[r].iterations);
    }
  }
  Context seeded = Context::cpu({.seed = 5});
  EXPECT_NE(KMeans::fit(seeded, view, {.k = 8, .restarts = 1}).inertia(), first.runs()[0].inertia);
}

void expect_refused(const std::string& message, MatrixView<const float> rows,
                    const KMeansOptions& options) {
  Context context = Context::cpu();
  EXPECT_EQ(error_of([&] { KMeans::fit(context, rows, options); }), message);
}

TEST(KMeans, RefusesWhatMakesNoSense) {
  Matrix<float> rows = blobs(12, 3, 2, 23);
  expect_refused("kmeans: expected k of at least 2, got 1", rows, {.k = 1});
  expect_refused("kmeans: expected k of at most 12, the number of rows, got 13", rows, {.k = 13});
  expect_refused("kmeans: expected k of at most 0, the number of rows, got 10",
                 MatrixView<const float>(rows.data(), 0, 3), {});
  expect_refused("kmeans: expected rows of dimension 1 or more, got 0",
                 MatrixView<const float>(rows.data(), 12, 0), {});
  expect_refused("kmeans: expected at least 1 restart, got 0", rows, {.k = 2, .restarts = 0});
  expect_refused("kmeans: expected at least 1 iteration, got 0", rows,
                 {.k = 2, .max_iterations = 0});
  expect_refused("kmeans: expected a tolerance of at least 0, got -1.000000", rows,
                 {.k = 2, .tolerance = -1});
  Matrix<float> start(3, 3), zeros(12, 3);
  expect_refused("kmeans: expected start of shape [2, 3], got [3, 3]", rows,
                 {.k = 2, .start = start.view()});
  expect_refused("kmeans: expected at least 2 distinct rows (k), got 1", zeros, {.k = 2});
  zeros(3, 1) = -0.F;
  expect_refused("kmeans: expected at least 2 distinct rows (k), got 1", zeros, {.k = 2});
  zeros(3, 1) = 1;
  expect_refused("kmeans: expected at least 3 distinct rows (k), got 2", zeros, {.k = 3});
  expect_refused("kmeans: expected rows with a length above 0 (spherical), got length 0 in row 0",
                 zeros, {.k = 2, .spherical = true});
  rows(5, 2) = std::numeric_limits<float>::quiet_NaN();
  expect_refused("kmeans rows: expected finite values, got nan in row 5, column 2", rows, {.k = 2});
  rows(5, 2) = 3e38F;
  expect_refused("kmeans: expected squared distances within the range of float32, got overflow",
                 rows, {.k = 2});
}

TEST(KMeans, PredictRefusesRowsOfAnotherWidth) {
  Context context = Context::cpu();
  const KMeans model = KMeans::fit(context, blobs(12, 3, 2, 23), {.k = 2});
  EXPECT_EQ(error_of([&] { model.predict(context, Matrix<float>(4, 5)); }),
            "kmeans: expected rows of shape [4, 3], got [4, 5]");
}

}  // namespace
}  // namespace clipk::test
