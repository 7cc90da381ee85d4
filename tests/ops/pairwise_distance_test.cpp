#include "clipk/ops/pairwise_distance.hpp"

#include <cmath>

#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

constexpr Metric kMetrics[] = {Metric::squared_euclidean, Metric::euclidean, Metric::cosine};

template <class T>
T plain_distance(Metric metric, std::int64_t d, const float* x, const float* y) {
  T lx = 0, ly = 0, product = 0, squared = 0;
  for (std::int64_t k = 0; k < d; ++k) {
    const T a = x[k], b = y[k];
    lx += a * a;
    ly += b * b;
    product += a * b;
    squared += (a - b) * (a - b);
  }
  if (metric == Metric::squared_euclidean) return squared;
  if (metric == Metric::euclidean) return std::sqrt(squared);
  return 1 - product / (std::sqrt(lx) * std::sqrt(ly));
}

template <class T>
std::vector<T> plain_distances(Metric metric, std::int64_t n, std::int64_t m, std::int64_t d,
                               const std::vector<float>& x, const std::vector<float>& y) {
  std::vector<T> result;
  result.reserve(static_cast<std::size_t>(n * m));
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < m; ++j) {
      result.push_back(plain_distance<T>(metric, d, &x[static_cast<std::size_t>(i * d)],
                                         &y[static_cast<std::size_t>(j * d)]));
    }
  }
  return result;
}

class PairwiseDistance : public DeviceTest {
 protected:
  std::vector<float> distances(Metric metric, std::int64_t n, std::int64_t m, std::int64_t d,
                               const std::vector<float>& x, const std::vector<float>& y,
                               std::int64_t padding = 0) {
    Guarded<float> xs(context(), n, d, x, padding), ys(context(), m, d, y, 2 * padding);
    Guarded<float> out(context(), n, m, 3 * padding);
    pairwise_distance(context(), xs.view(), ys.view(), metric, out.view());
    return out.values();
  }
  void expect_good(Metric metric, std::int64_t n, std::int64_t m, std::int64_t d,
                   const std::vector<float>& x, const std::vector<float>& y,
                   std::int64_t padding = 0) {
    SCOPED_TRACE(std::string(to_string(metric)) + " " + std::to_string(n) + " " +
                 std::to_string(m) + " " + std::to_string(d));
    expect_as_good_as(distances(metric, n, m, d, x, y, padding),
                      plain_distances<float>(metric, n, m, d, x, y),
                      plain_distances<double>(metric, n, m, d, x, y), "distances");
  }
};

TEST_P(PairwiseDistance, IsAsGoodAsAPlainLoop) {
  struct Size {
    std::int64_t n, m, d;
  };
  for (const Size& s : {Size{1, 1, 1}, Size{2, 1, 3}, Size{1, 17, 2}, Size{17, 2, 113},
                        Size{113, 257, 17}, Size{257, 113, 64}, Size{1021, 530, 257}}) {
    if (simt() && s.n > 300) continue;
    const auto x = normals(s.n * s.d, 1), y = normals(s.m * s.d, 2);
    for (const Metric metric : kMetrics) {
      // Numbers have cosine 1 or -1 without any rounding: no plain error to compare with.
      if (metric == Metric::cosine && s.d == 1) continue;
      expect_good(metric, s.n, s.m, s.d, x, y);
      expect_good(metric, s.n, s.m, s.d, x, y, 3);
    }
  }
}

// Pairs at every distance from 1 down to far below what the expanded form can resolve.
TEST_P(PairwiseDistance, NearPairsAreAsGoodToo) {
  const std::int64_t n = 90, d = simt() ? 40 : 512;
  const auto x = normals(n * d, 3);
  auto y = x;
  const auto noise = normals(n * d, 4);
  for (std::int64_t i = 0; i < n; ++i) {
    const double scale = std::pow(10.0, -static_cast<double>(i) / 10);
    for (std::int64_t k = 0; k < d; ++k) {
      float& value = y[static_cast<std::size_t>(i * d + k)];
      value = static_cast<float>(value + scale * noise[static_cast<std::size_t>(i * d + k)]);
    }
  }
  for (const Metric metric : kMetrics) {
    expect_good(metric, n, n, d, x, y);
    // And on their own, where no large distance widens the tolerance.
    const auto all = distances(metric, n, n, d, x, y);
    for (std::int64_t i = 0; i < n; ++i) {
      const auto* xi = &x[static_cast<std::size_t>(i * d)];
      const auto* yi = &y[static_cast<std::size_t>(i * d)];
      const double expected = plain_distance<double>(metric, d, xi, yi);
      const double actual = all[static_cast<std::size_t>(i * n + i)];
      // The directions of cosine are rounded before they are subtracted.
      const double rounding = metric == Metric::cosine
                                  ? 2e-8 * std::sqrt(std::fabs(expected)) + 1e-14
                                  : 1e-5 * expected;
      EXPECT_NEAR(actual, expected, 1e-5 * std::fabs(expected) + rounding)
          << to_string(metric) << " pair " << i;
    }
  }
}

TEST_P(PairwiseDistance, AnOffsetCommonToAllRowsCostsNoAccuracy) {
  const std::int64_t n = 70, d = 33;
  auto x = normals(n * d, 5), y = normals(n * d, 6);
  for (float& value : x) value += 300;
  for (float& value : y) value += 300;
  for (const Metric metric : {Metric::squared_euclidean, Metric::euclidean}) {
    expect_good(metric, n, n, d, x, y);
  }
}

TEST_P(PairwiseDistance, WithinOneSetItIsSymmetricWithAZeroDiagonal) {
  for (const std::int64_t n : {1, 17, 257, 700}) {
    if (simt() && n > 300) continue;
    const std::int64_t d = 19;
    auto values = normals(n * d, 7);
    for (std::int64_t i = 0; i + 3 < n; i += 5) {  // duplicates
      std::copy_n(&values[static_cast<std::size_t>(i * d)], d,
                  &values[static_cast<std::size_t>((i + 3) * d)]);
    }
    for (const Metric metric : kMetrics) {
      Guarded<float> x(context(), n, d, values, 1);
      Guarded<float> out(context(), n, n);
      pairwise_distance(context(), x.view(), x.view(), metric, out.view());
      const auto e = out.values();
      for (std::int64_t i = 0; i < n; ++i) {
        EXPECT_EQ(e[static_cast<std::size_t>(i * n + i)], 0.0F);
        if (i % 5 == 0 && i + 3 < n) {
          EXPECT_EQ(e[static_cast<std::size_t>(i * n + i + 3)], 0.0F);
        }
        for (std::int64_t j = 0; j < i; ++j) {
          ASSERT_EQ(e[static_cast<std::size_t>(i * n + j)], e[static_cast<std::size_t>(j * n + i)]);
        }
      }
      expect_as_good_as(e, plain_distances<float>(metric, n, n, d, values, values),
                        plain_distances<double>(metric, n, n, d, values, values));
    }
  }
}

TEST_P(PairwiseDistance, ABatchIsItsMatrices) {
  const std::int64_t b = 3, n = 37, m = 29, d = 21;
  const auto x = normals(b * n * d, 8), y = normals(b * m * d, 9);
  for (const Metric metric : kMetrics) {
    Guarded<float> xs(context(), b * n, d, x, 1), ys(context(), b * m, d, y),
        out(context(), b * n, m);
    BatchView<const float> xb(xs.view()), yb(ys.view());
    BatchView<float> ob(out.view());
    for (auto* view : {&xb, &yb}) view->batch = b, view->rows /= b, view->batch_stride /= b;
    ob.batch = b, ob.rows /= b, ob.batch_stride /= b;
    pairwise_distance(context(), xb, yb, metric, ob);
    std::vector<float> single;
    for (std::int64_t i = 0; i < b; ++i) {
      const auto part = distances(
          metric, n, m, d, std::vector<float>(x.begin() + i * n * d, x.begin() + (i + 1) * n * d),
          std::vector<float>(y.begin() + i * m * d, y.begin() + (i + 1) * m * d));
      single.insert(single.end(), part.begin(), part.end());
    }
    EXPECT_EQ(out.values(), single) << to_string(metric);
  }
}

TEST_P(PairwiseDistance, EmptySetsAreFine) {
  Matrix<float> none(context(), 0, 8), some(context(), 5, 8), out(context(), 0, 5),
      other(context(), 5, 0);
  pairwise_distance(context(), none, some, Metric::cosine, out);
  pairwise_distance(context(), some, none, Metric::euclidean, other);
  context().synchronize();
}

TEST_P(PairwiseDistance, NanStaysNan) {
  const std::int64_t n = 20, d = 5;
  auto x = normals(n * d, 10), y = normals(n * d, 11);
  x[3 * d + 2] = NAN;
  for (const Metric metric : kMetrics) {
    const auto e = distances(metric, n, n, d, x, y);
    for (std::int64_t i = 0; i < n * n; ++i) {
      EXPECT_EQ(std::isnan(e[static_cast<std::size_t>(i)]), i / n == 3) << i;
    }
  }
}

TEST_P(PairwiseDistance, ShapesThatDifferAreNamed) {
  Matrix<float> x(context(), 4, 8), y(context(), 5, 7), out(context(), 4, 5);
  EXPECT_EQ(error_of([&] { pairwise_distance(context(), x, y, Metric::euclidean, out); }),
            "pairwise_distance: expected y of shape [5, 8], got [5, 7]");
  Matrix<float> right(context(), 5, 8), wrong(context(), 5, 4);
  EXPECT_EQ(error_of([&] { pairwise_distance(context(), x, right, Metric::euclidean, wrong); }),
            "pairwise_distance: expected out of shape [4, 5], got [5, 4]");
}

// Operands are rounded to 11 bits (tf32) or 8 (bf16), which puts a product off by at most 2^-10 or
// 2^-8 of |x| |y|, and a squared distance by as much of |x|^2 + |y|^2. Near rows stay exact.
TEST_P(PairwiseDistance, TensorCoresKeepTheirTolerance) {
  if (on_cpu()) GTEST_SKIP() << "the CPU has one precision";
  const std::int64_t n = 150, m = 140, d = 44;
  const auto x = normals(n * d, 16);
  auto y = normals(m * d, 17);
  std::copy_n(x.begin() + 3 * d, d, y.begin() + 5 * d);
  const auto exact = plain_distances<double>(Metric::squared_euclidean, n, m, d, x, y);
  const std::vector<float> origin(static_cast<std::size_t>(d));
  const auto lx = plain_distances<double>(Metric::squared_euclidean, n, 1, d, x, origin);
  const auto ly = plain_distances<double>(Metric::squared_euclidean, m, 1, d, y, origin);
  for (const Precision precision : {Precision::tf32, Precision::bf16}) {
    Context fast = Context::cuda({.precision = precision});
    Guarded<float> xs(fast, n, d, x), ys(fast, m, d, y), out(fast, n, m);
    pairwise_distance(fast, xs.view(), ys.view(), Metric::squared_euclidean, out.view());
    const auto actual = out.values();
    double worst = 0;
    for (std::size_t p = 0; p < actual.size(); ++p) {
      const auto i = p / static_cast<std::size_t>(m), j = p % static_cast<std::size_t>(m);
      worst = worse(worst, std::fabs(actual[p] - exact[p]) / (lx[i] + ly[j]));
    }
    const double allowed = precision == Precision::tf32 ? 1.0 / 1024 : 1.0 / 256;
    EXPECT_LE(worst, allowed) << to_string(precision);
    EXPECT_GE(worst, allowed / 100) << to_string(precision) << " was not used";
    EXPECT_EQ(actual[3 * static_cast<std::size_t>(m) + 5], 0.0F);

    Guarded<float> own(fast, n, n);
    pairwise_distance(fast, xs.view(), xs.view(), Metric::euclidean, own.view());
    const auto e = own.values();
    for (std::int64_t i = 0; i < n; ++i) {
      EXPECT_EQ(e[static_cast<std::size_t>(i * n + i)], 0.0F);
      for (std::int64_t j = 0; j < i; ++j) {
        ASSERT_EQ(e[static_cast<std::size_t>(i * n + j)], e[static_cast<std::size_t>(j * n + i)]);
      }
    }
  }
}

// A row's distances do not depend on how many other rows there are.
TEST_P(PairwiseDistance, ARowDoesNotDependOnTheOthers) {
  const std::int64_t n = simt() ? 150 : 700, m = simt() ? 140 : 900, d = 64;
  const auto x = normals(n * d, 18), y = normals(m * d, 19);
  const auto whole = distances(Metric::euclidean, n, m, d, x, y);
  const std::int64_t fewer = n - 37, narrower = m - 51;
  const auto part = distances(Metric::euclidean, fewer, narrower, d,
                              std::vector<float>(x.begin(), x.begin() + fewer * d),
                              std::vector<float>(y.begin(), y.begin() + narrower * d));
  std::int64_t different = 0;
  for (std::int64_t i = 0; i < fewer; ++i) {
    for (std::int64_t j = 0; j < narrower; ++j) {
      different += part[static_cast<std::size_t>(i * narrower + j)] !=
                   whole[static_cast<std::size_t>(i * m + j)];
    }
  }
  EXPECT_EQ(different, 0);
}

// What follows is of the CPU alone.

TEST(PairwiseDistanceCpu, ARowOfLengthZeroHasNoCosine) {
  Context context = Context::cpu();
  Matrix<float> x(3, 2), y(2, 2), out(3, 2);
  for (float& value : x.flat()) value = 1;
  for (float& value : y.flat()) value = 1;
  x(2, 0) = x(2, 1) = 0;
  EXPECT_EQ(error_of([&] { pairwise_distance(context, x, y, Metric::cosine, out); }),
            "pairwise_distance: expected rows of x with a length above 0 under cosine, "
            "got length 0 in row 2");
}

TEST(PairwiseDistanceCpu, TheNumberOfThreadsChangesNoBit) {
  const std::int64_t n = 1021, m = 1300, d = 65;
  const auto xs = normals(n * d, 12), ys = normals(m * d, 13);
  const MatrixView<const float> x(xs.data(), n, d), y(ys.data(), m, d);
  for (const Metric metric : kMetrics) {
    std::vector<std::vector<float>> results;
    for (const int threads : {1, 2, 3}) {
      Context context = Context::cpu({.threads = threads});
      Matrix<float> out(n, m), own(n, n);
      pairwise_distance(context, x, y, metric, out);
      pairwise_distance(context, x, x, metric, own);
      results.emplace_back(out.flat().begin(), out.flat().end());
      results.back().insert(results.back().end(), own.flat().begin(), own.flat().end());
    }
    EXPECT_EQ(results[0], results[1]);
    EXPECT_EQ(results[0], results[2]);
  }
}

TEST(PairwiseDistanceCpu, DoubleIsExactToDouble) {
  Context context = Context::cpu();
  const std::int64_t n = 113, m = 60, d = 77;
  const auto xf = normals(n * d, 14), yf = normals(m * d, 15);
  const auto xd = converted<double>(xf), yd = converted<double>(yf);
  for (const Metric metric : kMetrics) {
    Matrix<double> out(n, m);
    pairwise_distance(context, MatrixView<const double>(xd.data(), n, d),
                      MatrixView<const double>(yd.data(), m, d), metric, out);
    const std::vector<double> values(out.flat().begin(), out.flat().end());
    EXPECT_LT(max_error(values, plain_distances<double>(metric, n, m, d, xf, yf)), 1e-12);
  }
}

CLIPK_INSTANTIATE_DEVICE_TEST(PairwiseDistance);

}  // namespace
}  // namespace clipk::test
