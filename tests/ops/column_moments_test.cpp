#include "clipk/ops/column_moments.hpp"

#include <cmath>
#include <string>

#include "clipk/core/error.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

struct Moments {
  std::vector<double> mean, variance;
};

// Two passes of plain loops.
template <class T>
Moments plain_moments(const std::vector<float>& x, std::int64_t n, std::int64_t d) {
  Moments result;
  for (std::int64_t j = 0; j < d; ++j) {
    T sum = 0, squares = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += static_cast<T>(x[i * d + j]);
    const T mean = sum / static_cast<T>(n);
    for (std::int64_t i = 0; i < n; ++i) {
      const T apart = static_cast<T>(x[i * d + j]) - mean;
      squares += apart * apart;
    }
    result.mean.push_back(static_cast<double>(mean));
    result.variance.push_back(static_cast<double>(squares / static_cast<T>(n)));
  }
  return result;
}

class ColumnMoments : public DeviceTest {
 protected:
  Moments moments(const std::vector<float>& x, std::int64_t n, std::int64_t d,
                  std::int64_t padding = 0) {
    Guarded<float> rows(context(), n, d, x, padding);
    Guarded<double> mean(context(), 1, d), variance(context(), 1, d);
    column_moments(context(), rows.view(), mean.flat(), variance.flat());
    return {mean.values(), variance.values()};
  }
};

TEST_P(ColumnMoments, FollowTheDefinition) {
  for (const auto& [n, d] : {std::pair<std::int64_t, std::int64_t>{1, 1},
                             {2, 3},
                             {17, 129},
                             {1021, 64},
                             {1300, 7},
                             {70000, 5}}) {
    if (simt() && n * d > 60000) continue;
    SCOPED_TRACE(std::to_string(n) + " x " + std::to_string(d));
    std::vector<float> x = normals(n * d, 1, 3.0);
    for (std::int64_t i = 0; i < n; ++i) x[static_cast<std::size_t>(i * d)] += 1000;
    const Moments expected = plain_moments<long double>(x, n, d);
    for (const std::int64_t padding : {0, 3}) {
      const Moments got = moments(x, n, d, padding);
      for (std::size_t j = 0; j < static_cast<std::size_t>(d); ++j) {
        EXPECT_NEAR(got.mean[j], expected.mean[j], 1e-12 * (1 + std::fabs(expected.mean[j])));
        EXPECT_NEAR(got.variance[j], expected.variance[j], 1e-11 * expected.variance[j]);
      }
    }
  }
}

TEST_P(ColumnMoments, ColumnsOfOneValueHaveNoVariance) {
  const std::int64_t n = 2500, d = 2;
  std::vector<float> x;
  for (std::int64_t i = 0; i < n; ++i) x.insert(x.end(), {1e30F, 0.1F});
  const Moments got = moments(x, n, d);
  EXPECT_EQ(got.mean, (std::vector<double>{1e30F, 0.1F}));
  EXPECT_EQ(got.variance, (std::vector<double>{0, 0}));
}

// All other rows are taken less the first: where that is far from them, their sums lose the digits
// of a factor of the rows of a part, and no more.
TEST_P(ColumnMoments, AnOutlierInTheFirstRowCostsFewDigits) {
  const std::int64_t n = 1100;
  std::vector<float> x = normals(n, 1);
  x[0] = 1e8F;
  const Moments got = moments(x, n, 1), expected = plain_moments<long double>(x, n, 1);
  EXPECT_NEAR(got.mean[0], expected.mean[0], 1e-10 * expected.mean[0]);
  EXPECT_NEAR(got.variance[0], expected.variance[0], 1e-10 * expected.variance[0]);
}

TEST_P(ColumnMoments, WhatIsNotFiniteStaysInItsColumn) {
  for (const float bad : {NAN, INFINITY}) {
    for (const std::size_t row : {0u, 5u}) {
      std::vector<float> x(20, 1.F);
      x[2 * row] = bad;
      const Moments got = moments(x, 10, 2);
      EXPECT_FALSE(std::isfinite(got.mean[0]) || std::isfinite(got.variance[0])) << bad << row;
      EXPECT_EQ(got.mean[1], 1);
      EXPECT_EQ(got.variance[1], 0);
    }
  }
}

TEST_P(ColumnMoments, TheVarianceMayBeLeftOut) {
  Guarded<float> x(context(), 3, 2, std::vector<float>{1, 2, 3, 4, 5, 9});
  Guarded<double> mean(context(), 1, 2);
  column_moments(context(), x.view(), mean.flat(), {});
  EXPECT_EQ(mean.values(), (std::vector<double>{3, 5}));
}

TEST_P(ColumnMoments, BadInputIsNamed) {
  Matrix<float> x(context(), 3, 4), none(context(), 0, 4);
  Matrix<double> mean(context(), 1, 4), wide(context(), 1, 5);
  const auto message = [&](MatrixView<const float> rows, VectorView<double> to,
                           VectorView<double> variance) {
    return error_of([&] { column_moments(context(), rows, to, variance); });
  };
  EXPECT_EQ(message(x, wide.flat(), {}), "column_moments: expected mean of size 4, got 5");
  EXPECT_EQ(message(x, mean.flat(), wide.flat()),
            "column_moments: expected variance of size 4, got 5");
  EXPECT_EQ(message(none, mean.flat(), {}), "column_moments: expected x of at least 1 row, got 0");
}

CLIPK_INSTANTIATE_DEVICE_TEST(ColumnMoments);

TEST(ColumnMomentsCpu, SameBytesForAnyNumberOfThreads) {
  const std::int64_t n = 5000, d = 33;
  const std::vector<float> x = normals(n * d, 1);
  std::vector<double> mean[2], variance[2];
  for (const int t : {0, 1}) {
    Context context = Context::cpu({.threads = t + 1});
    mean[t].resize(d);
    variance[t].resize(d);
    column_moments(context, {x.data(), n, d}, {mean[t].data(), d}, {variance[t].data(), d});
  }
  EXPECT_EQ(mean[0], mean[1]);
  EXPECT_EQ(variance[0], variance[1]);
}

}  // namespace
}  // namespace clipk::test
