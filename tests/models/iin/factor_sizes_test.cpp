#include "clipk/models/factor_sizes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "support/arrays.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

constexpr std::int64_t kRows = 2000, kDim = 12;

// Rows in which a class of four decides columns 0 ... 2 up to little noise, and a value columns 3
// and 4 (a circle's angle); the others are noise. All are mixed by a fixed rotation.
struct Data {
  Matrix<float> rows{kRows, kDim};
  std::vector<Factor> factors{2};

  Data() {
    factors[0].name = "class";
    factors[1].name = "angle";
    factors[1].values = Matrix<float>(kRows, 1);
    Random random(9, RandomStream::data);
    for (std::int64_t i = 0; i < kRows; ++i) {
      double x[kDim];
      for (double& value : x) value = random.normal();
      const auto label = static_cast<std::int32_t>(random.below(4));
      const double angle = 6 * random.uniform();
      for (int c = 0; c < 3; ++c) x[c] = 0.3 * x[c] + (label == c ? 3 : 0);
      x[3] = 0.2 * x[3] + std::cos(angle);
      x[4] = 0.2 * x[4] + std::sin(angle);
      factors[0].classes.push_back(label);
      factors[1].values(i, 0) = static_cast<float>(angle);
      for (std::int64_t j = 0; j < kDim; ++j) {
        double sum = 0;
        for (std::int64_t k = 0; k < kDim; ++k) sum += std::cos(1.7 * (j + 1) * (k + 1) + k) * x[k];
        rows(i, j) = static_cast<float>(sum);
      }
    }
  }
};

// Four classes lie apart on one axis, whatever their dimension; a circle takes two dimensions; a
// curve takes one, though all its powers go together in pairs.
TEST(FactorSizes, CorrelationsCountTheNumbersThatPairsShare) {
  Context context = Context::cpu({.seed = 3});
  Data data;
  const FactorSizes found = factor_sizes(context, data.rows, FactorPairs(data.factors, kRows));
  EXPECT_EQ(found.sizes, (std::vector<std::int64_t>{1, 2, kDim - 3}));
  ASSERT_EQ(found.correlations.size(), 2u);
  EXPECT_GT(found.correlations[0][2], 0.8);
  EXPECT_LT(found.correlations[0].back(), found.thresholds[0]);
  EXPECT_GT(found.scores[1], 0.9);

  Factor level{.name = "level"};
  level.values = Matrix<float>(kRows, 1);
  Random random(10, RandomStream::data);
  for (std::int64_t i = 0; i < kRows; ++i) {
    const double u = 2 * random.uniform() - 1;
    level.values(i, 0) = static_cast<float>(u);
    data.rows(i, 0) = static_cast<float>(5 * u);
    data.rows(i, 1) = static_cast<float>(5 * u * u);
  }
  std::vector<Factor> factors;
  factors.push_back(std::move(level));
  const FactorSizes curve = factor_sizes(context, data.rows, FactorPairs(factors, kRows));
  EXPECT_EQ(curve.sizes, (std::vector<std::int64_t>{1, kDim - 1}));
  EXPECT_GT(curve.correlations[0][1], 0.8);
}

// Columns in which rows do not vary change nothing, nor do so many that rows are fewer.
TEST(FactorSizes, DirectionsWithoutVarianceTakeNoPart) {
  Context context = Context::cpu({.seed = 3});
  constexpr std::int64_t kSome = 300;
  Data data;
  data.factors[0].classes.resize(kSome);
  Matrix<float> angles(kSome, 1);
  std::copy_n(data.factors[1].values.data(), kSome, angles.data());
  data.factors[1].values = std::move(angles);
  const FactorPairs pairs(data.factors, kSome);
  for (const SizeRule rule : {SizeRule::correlations, SizeRule::softmax}) {
    const FactorSizeOptions options{.rule = rule, .pairs = 5000};
    const FactorSizes plain =
        factor_sizes(context, data.rows.view().row_range(0, kSome), pairs, options);
    for (const std::int64_t dim : {kDim + 3, kSome + 1}) {
      Matrix<float> rows(kSome, dim);
      for (std::int64_t i = 0; i < kSome; ++i) {
        std::copy_n(data.rows.view().row(i), kDim, rows.view().row(i));
        std::fill(rows.view().row(i) + kDim, rows.view().row(i) + dim, 0.5F);
      }
      const FactorSizes found = factor_sizes(context, rows, pairs, options);
      for (std::size_t f = 0; f < 2; ++f) {
        EXPECT_NEAR(found.scores[f], plain.scores[f], 1e-4) << dim;
        if (rule == SizeRule::softmax) continue;
        EXPECT_EQ(found.sizes[f], plain.sizes[f]) << dim;
        EXPECT_NEAR(found.thresholds[f], plain.thresholds[f], 1e-4) << dim;
        ASSERT_EQ(found.correlations[f].size(), plain.correlations[f].size()) << dim;
      }
    }
  }
}

// s = sum of covariances / sum of variances, then the softmax with 1 for the residual.
TEST(FactorSizes, SoftmaxIsTheReferencesRule) {
  Context context = Context::cpu({.seed = 3});
  const Data data;
  const FactorPairs pairs(data.factors, kRows);
  const FactorSizes found =
      factor_sizes(context, data.rows, pairs, {.rule = SizeRule::softmax, .pairs = 50'000});
  double sum = std::exp(1.0);
  for (std::int64_t f = 0; f < 2; ++f) {
    const FactorPairs::Draw draw = pairs.draw_for(f, 77, 1, 50'000);
    double covariance = 0, variance = 0;
    for (std::int64_t j = 0; j < kDim; ++j) {
      double mean = 0;
      for (std::int64_t i = 0; i < kRows; ++i) mean += data.rows(i, j) / kRows;
      for (std::int64_t i = 0; i < kRows; ++i) {
        variance += std::pow(data.rows(i, j) - mean, 2) / kRows;
      }
      for (std::size_t p = 0; p < draw.first.size(); ++p) {
        covariance +=
            (data.rows(draw.first[p], j) - mean) * (data.rows(draw.second[p], j) - mean) / 50'000;
      }
    }
    EXPECT_NEAR(found.scores[static_cast<std::size_t>(f)], covariance / variance, 0.02);
    sum += std::exp(found.scores[static_cast<std::size_t>(f)]);
  }
  for (std::size_t f = 0; f < 2; ++f) {
    EXPECT_EQ(found.sizes[f], static_cast<std::int64_t>(std::exp(found.scores[f]) / sum * kDim));
  }
  EXPECT_EQ(std::accumulate(found.sizes.begin(), found.sizes.end(), std::int64_t{0}), kDim);
}

TEST(FactorSizes, EveryFactorGetsAColumnAndNoMoreThanThereAre) {
  Context context = Context::cpu({.seed = 3});
  Data data;
  const MatrixView<const float> two = std::as_const(data.rows).view().col_range(0, 2);
  EXPECT_EQ(factor_sizes(context, two, FactorPairs(data.factors, kRows)).sizes,
            (std::vector<std::int64_t>{1, 1, 0}));
  EXPECT_EQ(factor_sizes(context, data.rows, FactorPairs({}, kRows)).sizes,
            (std::vector<std::int64_t>{kDim}));
}

TEST(FactorSizes, TheSameForAnyNumberOfThreads) {
  const Data data;
  const auto scores = [&](int threads) {
    Context context = Context::cpu({.seed = 3, .threads = threads});
    return factor_sizes(context, data.rows, FactorPairs(data.factors, kRows)).correlations;
  };
  EXPECT_EQ(scores(1), scores(2));
}

TEST(FactorSizes, BadInputIsNamed) {
  Context context = Context::cpu();
  Data data;
  const FactorPairs pairs(data.factors, kRows);
  const auto message = [&](MatrixView<const float> rows, const FactorSizeOptions& options = {}) {
    return error_of([&] { factor_sizes(context, rows, pairs, options); });
  };
  const MatrixView<const float> rows = std::as_const(data.rows).view();
  EXPECT_EQ(message(rows.row_range(0, 10)),
            "factor_sizes: expected 2000 rows, as the pairs have, got 10");
  EXPECT_EQ(message(rows.col_range(0, 1)),
            "factor_sizes: expected at most 1 factors (the columns of the rows), got 2");
  EXPECT_EQ(message(Matrix<float>(kRows, 3)),
            "factor_sizes: expected rows that differ, got all alike");
  EXPECT_EQ(message(rows, {.pairs = 0}),
            "factor_sizes: expected at least 1 pair and 1 shuffle, got 0 and 3");
  data.rows(5, 1) = NAN;
  EXPECT_NE(message(rows).find("row 5"), std::string::npos);
  EXPECT_EQ(size_rule_named("softmax"), SizeRule::softmax);
}

}  // namespace
}  // namespace clipk::test
