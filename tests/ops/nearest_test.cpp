#include "clipk/ops/nearest.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "clipk/ops/pairwise_distance.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

constexpr Metric kMetrics[] = {Metric::squared_euclidean, Metric::euclidean, Metric::cosine};

double true_distance(Metric metric, std::int64_t d, const float* x, const float* y) {
  double lx = 0, ly = 0, product = 0, squared = 0;
  for (std::int64_t k = 0; k < d; ++k) {
    const double a = x[k], b = y[k];
    lx += a * a;
    ly += b * b;
    product += a * b;
    squared += (a - b) * (a - b);
  }
  if (metric == Metric::squared_euclidean) return squared;
  return metric == Metric::euclidean ? std::sqrt(squared) : 1 - product / std::sqrt(lx * ly);
}

struct Found {
  std::vector<std::int32_t> indices;
  std::vector<float> distances;
};

class Nearest : public DeviceTest {
 protected:
  Found find(const NearestOptions& options, std::int64_t n, std::int64_t m, std::int64_t d,
             std::int64_t k, const std::vector<float>& x, const std::vector<float>& y,
             std::int64_t padding = 0) {
    Guarded<float> xs(context(), n, d, x, padding), ys(context(), m, d, y, 2 * padding);
    Guarded<std::int32_t> indices(context(), n, k, padding);
    Guarded<float> distances(context(), n, k, 2 * padding);
    nearest(context(), xs.view(), ys.view(), options, indices.view(), distances.view());
    return {indices.values(), distances.values()};
  }

  // Every row found is at its true distance, in ascending order, none twice, and none that was
  // left out is nearer than the last by more than the rounding of a float.
  void expect_found(const NearestOptions& options, std::int64_t n, std::int64_t m, std::int64_t d,
                    std::int64_t k, const std::vector<float>& x, const std::vector<float>& y,
                    std::int64_t padding = 0) {
    SCOPED_TRACE(std::string(to_string(options.metric)) + " n " + std::to_string(n) + " m " +
                 std::to_string(m) + " d " + std::to_string(d) + " k " + std::to_string(k));
    const Found found = find(options, n, m, d, k, x, y, padding);
    for (std::int64_t i = 0; i < n; ++i) {
      std::vector<double> all(static_cast<std::size_t>(m));
      for (std::int64_t j = 0; j < m; ++j) {
        all[static_cast<std::size_t>(j)] =
            true_distance(options.metric, d, &x[static_cast<std::size_t>(i * d)],
                          &y[static_cast<std::size_t>(j * d)]);
      }
      if (options.exclude_self && i < m) all[static_cast<std::size_t>(i)] = INFINITY;
      std::vector<double> sorted = all;
      std::sort(sorted.begin(), sorted.end());
      std::vector<std::int32_t> seen;
      for (std::int64_t p = 0; p < k; ++p) {
        const auto at = static_cast<std::size_t>(i * k + p);
        const std::int32_t index = found.indices[at];
        ASSERT_GE(index, 0);
        ASSERT_LT(index, m);
        const double expected = sorted[static_cast<std::size_t>(p)];
        const double rounding = 1e-5 * expected + 2e-6;
        ASSERT_NEAR(all[static_cast<std::size_t>(index)], expected, rounding) << i << " " << p;
        ASSERT_NEAR(found.distances[at], expected, rounding) << i << " " << p;
        if (p > 0) {
          ASSERT_LE(found.distances[at - 1], found.distances[at]);
          if (found.distances[at - 1] == found.distances[at]) {
            ASSERT_LT(found.indices[at - 1], index) << "a tie goes to the lower index";
          }
        }
        seen.push_back(index);
      }
      std::sort(seen.begin(), seen.end());
      ASSERT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end()) << "a row found twice";
    }
  }
};

TEST_P(Nearest, FindsWhatAFullSortFinds) {
  struct Size {
    std::int64_t n, m, d, k;
  };
  for (const Size& s : {Size{1, 1, 2, 1}, Size{2, 17, 3, 17}, Size{17, 2, 5, 1},
                        Size{113, 257, 17, 10}, Size{30, 300, 64, 128}, Size{257, 1021, 33, 3},
                        Size{3, 9000, 8, 10}, Size{600, 700, 16, 1}}) {
    if (simt() && s.n * s.m * s.d > 600000) continue;
    const auto x = normals(s.n * s.d, 1), y = normals(s.m * s.d, 2);
    for (const Metric metric : kMetrics) {
      expect_found({.metric = metric}, s.n, s.m, s.d, s.k, x, y);
      if (s.m > s.k) {
        expect_found({.metric = metric, .exclude_self = true}, s.n, s.m, s.d, s.k, x, y, 3);
      }
    }
  }
}

TEST_P(Nearest, MoreQueriesThanAGridHasRows) {
  if (simt()) GTEST_SKIP() << "too many for the harness";
  const std::int64_t n = 70000, m = 10, d = 4;
  expect_found({}, n, m, d, 1, normals(n * d, 3), normals(m * d, 4));
}

TEST_P(Nearest, TiesGoToTheLowerIndex) {
  // Every row of the database eight times, far apart from each other and near: the first eight
  // neighbours of a query equal to one of them are its copies, in order, at distance zero.
  const std::int64_t kinds = simt() ? 40 : 150, copies = 8, d = 12, m = kinds * copies;
  const auto x = normals(kinds * d, 5);
  std::vector<float> y;
  for (std::int64_t c = 0; c < copies; ++c) y.insert(y.end(), x.begin(), x.end());
  for (const Metric metric : kMetrics) {
    const Found found = find({.metric = metric}, kinds, m, d, copies, x, y);
    for (std::int64_t i = 0; i < kinds; ++i) {
      for (std::int64_t c = 0; c < copies; ++c) {
        ASSERT_EQ(found.indices[static_cast<std::size_t>(i * copies + c)], i + c * kinds);
        ASSERT_EQ(found.distances[static_cast<std::size_t>(i * copies + c)], 0.0F);
      }
    }
  }
}

TEST_P(Nearest, LeavingOutItselfFindsTheDuplicate) {
  const std::int64_t n = 66, d = 7;
  auto x = normals(n * d, 6);
  std::copy_n(x.begin() + 4 * d, d, x.begin() + 61 * d);
  const Found found = find({.exclude_self = true}, n, n, d, 2, x, x);
  for (std::int64_t i = 0; i < n; ++i) {
    ASSERT_NE(found.indices[static_cast<std::size_t>(2 * i)], i);
    ASSERT_NE(found.indices[static_cast<std::size_t>(2 * i + 1)], i);
  }
  EXPECT_EQ(found.indices[8], 61);
  EXPECT_EQ(found.distances[8], 0.0F);
  EXPECT_EQ(found.indices[122], 4);
}

TEST_P(Nearest, NearPairsAreRankedByTheirTrueDistance) {
  // Row j lies at 10^-j of the query's length: the expanded form would call most of them equal.
  const std::int64_t m = 7, d = 48;
  const auto x = normals(d, 7), direction = normals(d, 8);
  std::vector<float> y;
  for (std::int64_t j = 0; j < m; ++j) {
    for (std::int64_t k = 0; k < d; ++k) {
      const auto at = static_cast<std::size_t>(k);
      y.push_back(
          static_cast<float>(x[at] + std::pow(10.0, -static_cast<double>(j)) * direction[at]));
    }
  }
  for (const Metric metric : kMetrics) {
    const Found found = find({.metric = metric}, 1, m, d, m, x, y);
    EXPECT_EQ(found.indices, (std::vector<std::int32_t>{6, 5, 4, 3, 2, 1, 0})) << to_string(metric);
  }
}

TEST_P(Nearest, NotANumberIsFartherThanAnything) {
  const std::int64_t n = 3, m = 90, d = 4;
  auto y = normals(m * d, 9);
  for (std::int64_t j = 0; j < m; j += 2) y[static_cast<std::size_t>(j * d)] = NAN;
  const Found found = find({}, n, m, d, 50, normals(n * d, 10), y);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t p = 0; p < 45; ++p) {
      EXPECT_EQ(found.indices[static_cast<std::size_t>(i * 50 + p)] % 2, 1);
    }
    for (std::int64_t p = 45; p < 50; ++p) {
      EXPECT_EQ(found.indices[static_cast<std::size_t>(i * 50 + p)], 2 * (p - 45));
      EXPECT_TRUE(std::isinf(found.distances[static_cast<std::size_t>(i * 50 + p)]));
    }
  }
}

TEST_P(Nearest, DistancesMayBeUnwanted) {
  const std::int64_t n = 5, m = 40, d = 3;
  const auto x = normals(n * d, 11), y = normals(m * d, 12);
  Guarded<float> xs(context(), n, d, x), ys(context(), m, d, y);
  Guarded<std::int32_t> indices(context(), n, 4);
  nearest(context(), xs.view(), ys.view(), {}, indices.view(), {});
  EXPECT_EQ(indices.values(), find({}, n, m, d, 4, x, y).indices);
}

TEST_P(Nearest, NoQueriesAreFine) {
  Matrix<float> none(context(), 0, 3), database(context(), 5, 3);
  Matrix<std::int32_t> indices(context(), 0, 2);
  nearest(context(), none, database, {}, indices, {});
  context().synchronize();
}

TEST_P(Nearest, BadInputIsNamed) {
  Matrix<float> x(context(), 4, 3), y(context(), 5, 3), narrow(context(), 5, 2);
  Matrix<std::int32_t> five(context(), 4, 5), six(context(), 4, 6), rows(context(), 3, 2);
  EXPECT_EQ(error_of([&] { nearest(context(), x, y, {}, six, {}); }),
            "nearest: expected indices of 1 to 5 columns for a database of 5 rows, got 6");
  EXPECT_EQ(error_of([&] { nearest(context(), x, y, {.exclude_self = true}, five, {}); }),
            "nearest: expected indices of 1 to 4 columns for a database of 5 rows, got 5");
  EXPECT_EQ(error_of([&] { nearest(context(), x, narrow, {}, five, {}); }),
            "nearest: expected database of shape [5, 3], got [5, 2]");
  EXPECT_EQ(error_of([&] { nearest(context(), x, y, {}, rows, {}); }),
            "nearest: expected indices of shape [4, 2], got [3, 2]");
}

// With rounded operands another row may be found, but none that is farther than the right one by
// more than the rounding; a duplicate is found at distance zero.
TEST_P(Nearest, TensorCoresKeepTheirTolerance) {
  if (on_cpu()) GTEST_SKIP() << "the CPU has one precision";
  const std::int64_t n = 40, m = 300, d = 32, k = 5;
  auto x = normals(n * d, 19);
  const auto y = normals(m * d, 20);
  std::copy_n(y.begin() + 200 * d, d, x.begin() + 7 * d);
  const std::vector<float> origin(static_cast<std::size_t>(d));
  for (const Precision precision : {Precision::tf32, Precision::bf16}) {
    Context fast = Context::cuda({.precision = precision});
    Guarded<float> xs(fast, n, d, x), ys(fast, m, d, y), distances(fast, n, k);
    Guarded<std::int32_t> indices(fast, n, k);
    const Metric metric = Metric::squared_euclidean;
    nearest(fast, xs.view(), ys.view(), {.metric = metric}, indices.view(), distances.view());
    const auto found = indices.values();
    const auto e = distances.values();
    const double part = precision == Precision::tf32 ? 1.0 / 1024 : 1.0 / 256;
    for (std::int64_t i = 0; i < n; ++i) {
      std::vector<double> sorted;
      double longest = 0;
      const float* xi = &x[static_cast<std::size_t>(i * d)];
      for (std::int64_t j = 0; j < m; ++j) {
        const float* yj = &y[static_cast<std::size_t>(j * d)];
        sorted.push_back(true_distance(metric, d, xi, yj));
        longest = std::max(longest, true_distance(metric, d, yj, origin.data()));
      }
      const double allowed = part * (true_distance(metric, d, xi, origin.data()) + longest);
      std::sort(sorted.begin(), sorted.end());
      for (std::int64_t p = 0; p < k; ++p) {
        const auto at = static_cast<std::size_t>(i * k + p);
        const double actual =
            true_distance(metric, d, xi, &y[static_cast<std::size_t>(found[at] * d)]);
        EXPECT_NEAR(actual, sorted[static_cast<std::size_t>(p)], 2 * allowed);
        EXPECT_NEAR(e[at], actual, allowed);
      }
    }
    EXPECT_EQ(found[7 * k], 200);
    EXPECT_EQ(e[7 * k], 0.0F);
  }
}

// What follows is of the CPU alone.

TEST(NearestCpu, AgreesWithPairwiseDistanceToTheBit) {
  Context context = Context::cpu();
  const std::int64_t n = 300, m = 1300, d = 40, k = 6;
  const auto xs = normals(n * d, 13), ys = normals(m * d, 14);
  const MatrixView<const float> x(xs.data(), n, d), y(ys.data(), m, d);
  for (const Metric metric : kMetrics) {
    Matrix<float> all(n, m), distances(n, k);
    Matrix<std::int32_t> indices(n, k);
    pairwise_distance(context, x, y, metric, all);
    nearest(context, x, y, {.metric = metric}, indices, distances);
    for (std::int64_t i = 0; i < n; ++i) {
      std::vector<std::int32_t> order(static_cast<std::size_t>(m));
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(),
                       [&](std::int32_t a, std::int32_t b) { return all(i, a) < all(i, b); });
      for (std::int64_t p = 0; p < k; ++p) {
        ASSERT_EQ(indices(i, p), order[static_cast<std::size_t>(p)]);
        ASSERT_EQ(distances(i, p), all(i, indices(i, p)));
      }
    }
  }
}

TEST(NearestCpu, TheNumberOfThreadsChangesNoBit) {
  const std::int64_t n = 40, m = 20000, d = 16, k = 10;
  const auto xs = normals(n * d, 15), ys = normals(m * d, 16);
  std::vector<std::vector<float>> distances;
  std::vector<std::vector<std::int32_t>> indices;
  for (const int threads : {1, 2, 3}) {
    Context context = Context::cpu({.threads = threads});
    Matrix<float> e(n, k);
    Matrix<std::int32_t> j(n, k);
    nearest(context, MatrixView<const float>(xs.data(), n, d),
            MatrixView<const float>(ys.data(), m, d), {}, j, e);
    distances.emplace_back(e.flat().begin(), e.flat().end());
    indices.emplace_back(j.flat().begin(), j.flat().end());
  }
  EXPECT_EQ(distances[0], distances[1]);
  EXPECT_EQ(distances[0], distances[2]);
  EXPECT_EQ(indices[0], indices[1]);
  EXPECT_EQ(indices[0], indices[2]);
}

TEST(NearestCpu, DoubleFindsTheSame) {
  Context context = Context::cpu();
  const std::int64_t n = 50, m = 333, d = 9, k = 5;
  const auto xf = normals(n * d, 17), yf = normals(m * d, 18);
  const auto xd = converted<double>(xf), yd = converted<double>(yf);
  Matrix<std::int32_t> single(n, k), twice(n, k);
  nearest(context, MatrixView<const float>(xf.data(), n, d),
          MatrixView<const float>(yf.data(), m, d), {}, single, {});
  nearest(context, MatrixView<const double>(xd.data(), n, d),
          MatrixView<const double>(yd.data(), m, d), {}, twice, {});
  EXPECT_TRUE(std::equal(single.flat().begin(), single.flat().end(), twice.flat().begin()));
}

TEST(NearestCpu, ARowOfLengthZeroHasNoCosine) {
  Context context = Context::cpu();
  Matrix<float> x(1, 2), y(3, 2);
  Matrix<std::int32_t> indices(1, 1);
  x(0, 0) = y(0, 0) = y(2, 0) = 1;
  EXPECT_EQ(error_of([&] { nearest(context, x, y, {.metric = Metric::cosine}, indices, {}); }),
            "nearest: expected rows of database with a length above 0 under cosine, "
            "got length 0 in row 1");
}

CLIPK_INSTANTIATE_DEVICE_TEST(Nearest);

}  // namespace
}  // namespace clipk::test
