#include "clipk/models/iin.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "clipk/models/probe.hpp"
#include "models/iin/iin_data.hpp"
#include "models/iin/iin_problem.hpp"
#include "support/arrays.hpp"
#include "support/same_bytes.hpp"

namespace clipk::test {
namespace {

// Squared correlation of a column of codes with a column of hidden numbers.
double r_squared(const Matrix<float>& codes, std::int64_t column, const Data& data,
                 std::int64_t hidden) {
  double n = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
  for (std::int64_t i = 0; i < codes.rows(); ++i) {
    const double a = codes(i, column);
    const double b = Data::hidden(data.rows, i)[static_cast<std::size_t>(hidden)];
    n += 1, x += a, y += b, xx += a * a, yy += b * b, xy += a * b;
  }
  const double covariance = xy / n - x / n * y / n;
  return covariance * covariance / ((xx / n - x / n * x / n) * (yy / n - y / n * y / n));
}

// What the model is for: each block holds its factor, and an edit moves that and nothing else.
TEST(Iin, BlocksHoldTheirFactorsAndEditsMoveThemAlone) {
  Context context = cpu();
  const Data data(3000), fresh(600, 5), others(600, 6);
  IinOptions options = small();
  options.epochs = 20;
  const Iin iin = Iin::fit(context, data.rows, data.log_variance, data.factors, options);
  EXPECT_LT(iin.losses().back(), iin.losses().front() - 3);
  ASSERT_EQ(iin.blocks().size(), 3u);
  EXPECT_EQ(iin.blocks()[2].name, "residual");
  EXPECT_EQ(iin.blocks()[2].first, 2);
  EXPECT_EQ(iin.blocks()[2].size, kDim - 2);
  EXPECT_NEAR(iin.blocks()[0].rho, 0.99, 1e-6);

  const Matrix<float> codes = iin.transform(context, fresh.rows);
  EXPECT_GT(r_squared(codes, 0, fresh, 0), 0.9);
  EXPECT_GT(r_squared(codes, 1, fresh, 1), 0.8);
  for (std::int64_t k = 2; k < kDim; ++k) {
    EXPECT_LT(r_squared(codes, k, fresh, 0), 0.1) << k;
    EXPECT_LT(r_squared(codes, k, fresh, 1), 0.1) << k;
  }

  const Matrix<float> edited = iin.swap(context, fresh.rows, others.rows, iin.block_named("level"));
  double moved = 0, kept = 0;
  for (std::int64_t i = 0; i < 600; ++i) {
    const std::vector<double> now = Data::hidden(edited, i), before = Data::hidden(fresh.rows, i),
                              other = Data::hidden(others.rows, i);
    moved += std::fabs(now[0] - other[0]) < 0.5;
    kept += std::fabs(now[1] - before[1]) < 0.8;
  }
  EXPECT_GT(moved / 600, 0.9);
  EXPECT_GT(kept / 600, 0.9);
}

// Two classes that agree in nine of ten rows (glasses and beards), probed where they do not go
// together: marks of all that a pair is known to share keep each further out of the other's block.
TEST(Iin, FactorsThatGoTogetherAreToldApart) {
  const auto make = [](std::int64_t n, std::uint64_t seed, float agree) {
    Data data(n, seed);
    data.factors[0] = {.name = "glasses"};
    data.factors[1] = {.name = "beard"};
    Random random(seed, RandomStream::data, 1);
    for (std::int64_t i = 0; i < n; ++i) {
      double u[kDim];
      for (double& value : u) value = random.normal();
      const int glasses = random.uniform() < 0.5F ? 1 : 0;
      const int beard = random.uniform() < agree ? glasses : 1 - glasses;
      u[0] = 0.5 * u[0] + 4 * glasses;
      u[1] = 0.5 * u[1] + 4 * beard;
      data.factors[0].classes.push_back(glasses);
      data.factors[1].classes.push_back(beard);
      data.put(u, i);
    }
    return data;
  };
  Context context = cpu();
  const Data data = make(6000, 1, 0.9F), learn = make(6000, 2, 0.5F), apart = make(4000, 3, 0.5F);
  double leak[2] = {};
  for (const PairMarks marks : {PairMarks::drawn, PairMarks::known}) {
    IinOptions options = small();
    options.flow.blocks = 6;
    options.flow.width = 64;
    options.flow.depth = 2;
    options.epochs = 20;
    options.batch = 256;
    options.pairs.marks = marks;
    const Iin iin = Iin::fit(context, data.rows, data.log_variance, data.factors, options);
    const Matrix<float> seen = iin.transform(context, learn.rows);
    const Matrix<float> codes = iin.transform(context, apart.rows);
    for (std::int64_t b = 0; b < 2; ++b) {
      const std::vector<double> scores =
          Probe::fit(context, seen.view().col_range(b, 1), learn.factors, {.epochs = 5})
              .scores(context, codes.view().col_range(b, 1), apart.factors);
      EXPECT_GT(scores[static_cast<std::size_t>(b)], 0.98);
      leak[static_cast<std::size_t>(marks)] += scores[static_cast<std::size_t>(1 - b)] - 0.5;
    }
  }
  EXPECT_LT(leak[1], 0.8 * leak[0]);
}

TEST(Iin, EditsChangeOneBlockOfTheCodes) {
  Context context = cpu();
  const Data data(200), others(200, 6);
  const Iin iin = Iin::fit(context, data.rows, data.factors, small());
  const Matrix<float> codes = iin.transform(context, data.rows);
  const Matrix<float> from = iin.transform(context, others.rows);
  const auto expect_codes = [&](const Matrix<float>& rows, auto&& expected) {
    const Matrix<float> got = iin.transform(context, rows);
    double worst = 0;
    for (std::int64_t i = 0; i < 200; ++i) {
      for (std::int64_t j = 0; j < kDim; ++j) {
        worst = worse(worst, std::fabs(static_cast<double>(got(i, j) - expected(i, j))));
      }
    }
    EXPECT_LT(worst, 1e-4);
  };
  expect_codes(data.rows, codes);
  expect_codes(iin.inverse(context, codes), codes);
  expect_codes(iin.swap(context, data.rows, others.rows, 2),
               [&](std::int64_t i, std::int64_t j) { return j >= 2 ? from(i, j) : codes(i, j); });
  expect_codes(iin.set(context, data.rows, 2, 1, -1.5F),
               [&](std::int64_t i, std::int64_t j) { return j == 3 ? -1.5F : codes(i, j); });
  expect_codes(iin.interpolate(context, data.rows, others.rows, 0, 0.25F),
               [&](std::int64_t i, std::int64_t j) {
                 return j == 0 ? 0.75F * codes(i, j) + 0.25F * from(i, j) : codes(i, j);
               });
}

TEST(Iin, TypicalityRanksRowsAndFlagsWhatLeavesTheirRange) {
  Context context = cpu();
  const Data data(1500);
  IinOptions options = small();
  options.epochs = 8;
  const Iin iin = Iin::fit(context, data.rows, data.factors, options);
  const IinTypicality own = iin.typicality(context, data.rows);
  double mean = 0, outside = 0;
  for (std::size_t i = 0; i < 1500; ++i) {
    mean += own.share[i] / 1500;
    outside += own.outside[i];
  }
  EXPECT_NEAR(mean, 0.5, 0.001);
  EXPECT_LE(outside, 2);  // .1 % of the rows
  EXPECT_EQ(own.log_density, iin.log_density(context, data.rows));
  const IinTypicality far = iin.typicality(context, iin.set(context, data.rows, 0, 0, 6));
  double flagged = 0;
  for (const std::uint8_t flag : far.outside) flagged += flag;
  EXPECT_EQ(flagged, 1500);
  EXPECT_LT(far.share[0], 0.01);
  // A little beyond the largest component alone, where many rows are likely still.
  const Matrix<float> codes = iin.transform(context, data.rows);
  float highest = codes(0, 0);
  for (std::int64_t i = 0; i < 1500; ++i) highest = std::max(highest, codes(i, 0));
  const IinTypicality edge =
      iin.typicality(context, iin.set(context, data.rows, 0, 0, highest + 0.01F));
  flagged = 0;
  for (const std::uint8_t flag : edge.outside) flagged += flag;
  EXPECT_EQ(flagged, 1500);
  EXPECT_GT(*std::max_element(edge.share.begin(), edge.share.end()), 0.01);
}

TEST(Iin, WithoutFactorsItIsADensityOfRows) {
  Context context = cpu();
  Matrix<float> rows(2000, 3), fresh(500, 3);
  const std::vector<float> numbers = normals(6000, 8), more = normals(1500, 9);
  const auto fill = [](const std::vector<float>& from, Matrix<float>& to) {
    for (std::int64_t i = 0; i < to.rows(); ++i) {
      const float* u = from.data() + 3 * i;
      to(i, 0) = 2 * u[0];
      to(i, 1) = 0.5F * u[1] + u[0] * u[0];
      to(i, 2) = u[2];
    }
  };
  fill(numbers, rows);
  fill(more, fresh);
  IinOptions options = small();
  options.sizes.clear();
  options.epochs = 20;
  const Iin iin = Iin::fit(context, rows, {}, options);
  EXPECT_EQ(iin.factors(), 0);
  EXPECT_EQ(iin.blocks()[0].size, 3);
  double found = 0, exact = 0;
  for (const double value : iin.log_density(context, fresh)) found += value / 500;
  for (std::int64_t i = 0; i < 500; ++i) {
    double squares = 0;
    for (std::int64_t k = 0; k < 3; ++k)
      squares += std::pow(more[static_cast<std::size_t>(3 * i + k)], 2);
    exact -= (squares / 2 + 1.5 * std::log(2 * std::numbers::pi)) / 500;  // the map has volume 1
  }
  EXPECT_NEAR(found, exact, 0.15);
}

TEST(Iin, TheSameBytesForAnyNumberOfThreads) {
  const Data data(300);
  Matrix<float> codes[2];
  for (int threads = 1; threads <= 2; ++threads) {
    Context context = cpu(threads);
    codes[threads - 1] = Iin::fit(context, data.rows, data.log_variance, data.factors, small())
                             .transform(context, data.rows);
  }
  EXPECT_TRUE(same_bytes(codes[0], codes[1]));
}

TEST(Iin, SizesAreEstimatedWhereNoneAreGiven) {
  Context context = cpu();
  const Data data(600);
  IinOptions options = small();
  options.sizes.clear();
  options.epochs = 0;
  const Iin iin = Iin::fit(context, data.rows, data.factors, options);
  const FactorSizes expected =
      factor_sizes(context, data.rows, FactorPairs(data.factors, 600, options.pairs));
  EXPECT_EQ(iin.estimated_sizes().sizes, expected.sizes);
  for (std::size_t b = 0; b < 3; ++b) EXPECT_EQ(iin.blocks()[b].size, expected.sizes[b]);
  EXPECT_TRUE(iin.losses().empty());
}

TEST(Iin, TheLikeliestCorrelationIsFound) {
  EXPECT_NEAR(likeliest_correlation(1, 0.6), 0.6, 1e-4);
  EXPECT_NEAR(likeliest_correlation(1, -0.3), 0, 1e-4);
  EXPECT_GT(likeliest_correlation(1, 0.9999), 0.998);
  // A stationary point of the likelihood: rho^3 - p rho^2 + (2 s - 1) rho - p = 0.
  const double s = 1.2, p = 0.7, rho = likeliest_correlation(s, p);
  EXPECT_NEAR(rho * rho * rho - p * rho * rho + (2 * s - 1) * rho - p, 0, 1e-3);
}

// Rho that follows the pairs ends where they are.
TEST(Iin, RhoCanBeEstimated) {
  Context context = cpu();
  const Data data(1500);
  IinOptions options = small();
  options.estimate_rho = true;
  options.rho_warmup = 0.5;
  options.epochs = 10;
  const Iin iin = Iin::fit(context, data.rows, data.log_variance, data.factors, options);
  for (std::size_t b = 0; b < 2; ++b) {
    EXPECT_GT(iin.blocks()[b].rho, 0.3);
    EXPECT_LT(iin.blocks()[b].rho, 0.99);
  }
}

}  // namespace
}  // namespace clipk::test
