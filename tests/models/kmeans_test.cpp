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
#include "support/arrays.hpp"
#include "support/device_test.hpp"

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

double squared_distance(const float* x, const float* y, std::int64_t d) {
  double sum = 0;
  for (std::int64_t j = 0; j < d; ++j) {
    sum += std::pow(static_cast<double>(x[j]) - static_cast<double>(y[j]), 2);
  }
  return sum;
}

struct PlainResult {
  std::vector<std::int32_t> labels;
  std::int64_t iterations = 0;
  double inertia = 0;
};

// Lloyd's algorithm to strict convergence with plain double loops; centres are stored in float32,
// as the model's are. Clusters must not run empty.
PlainResult plain_lloyd(const Matrix<float>& rows, Matrix<float>& centres) {
  const std::int64_t n = rows.rows(), d = rows.cols(), k = centres.rows();
  PlainResult result;
  result.labels.assign(static_cast<std::size_t>(n), -1);
  while (true) {
    bool changed = false;
    result.inertia = 0;
    Matrix<double> sums(k, d);
    std::vector<double> counts(static_cast<std::size_t>(k));
    for (std::int64_t i = 0; i < n; ++i) {
      std::int32_t best = 0;
      double least = INFINITY;
      for (std::int32_t c = 0; c < k; ++c) {
        const double distance = squared_distance(rows.view().row(i), centres.view().row(c), d);
        if (distance < least) {
          least = distance;
          best = c;
        }
      }
      result.inertia += least;
      std::int32_t& label = result.labels[static_cast<std::size_t>(i)];
      changed |= label != best;
      label = best;
      ++counts[static_cast<std::size_t>(best)];
      for (std::int64_t j = 0; j < d; ++j) sums(best, j) += rows(i, j);
    }
    if (!changed) return result;
    ++result.iterations;
    for (std::int64_t c = 0; c < k; ++c) {
      for (std::int64_t j = 0; j < d; ++j) {
        centres(c, j) = static_cast<float>(sums(c, j) / counts[static_cast<std::size_t>(c)]);
      }
    }
  }
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
    const PlainResult plain = plain_lloyd(rows, centres);
    const KMeans model =
        KMeans::fit(context(), rows, {.k = c.k, .tolerance = 0, .start = start.view()});
    EXPECT_TRUE(same_clusters(model.labels(), plain.labels)) << c.n;
    EXPECT_EQ(model.iterations(), plain.iterations) << c.n;
    EXPECT_NEAR(model.inertia(), plain.inertia, 1e-12 * plain.inertia) << c.n;
    EXPECT_EQ(model.runs().size(), 1U);
    EXPECT_TRUE(model.runs()[0].converged);
  }
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

CLIPK_INSTANTIATE_DEVICE_TEST(KMeansModel);

}  // namespace
}  // namespace clipk::test
