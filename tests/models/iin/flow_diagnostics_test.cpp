#include "clipk/models/flow_diagnostics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "support/error_of.hpp"

namespace clipk {
namespace {

constexpr std::int64_t kDim = 5;

// Normal rows of standard deviation 1, 2, ... about means 1, 2, ...
Matrix<float> normal_rows(std::int64_t n, std::uint64_t seed) {
  Random random(seed);
  Matrix<float> rows(n, kDim);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < kDim; ++j) {
      const auto scale = static_cast<double>(j + 1);
      rows(i, j) = static_cast<float>(scale * (1 + random.normal()));
    }
  }
  return rows;
}

std::vector<std::int64_t> every_row(std::int64_t n) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

// The entropy of such a row: what the negative log-likelihood tends to.
double entropy() {
  double sum = 0;
  for (std::int64_t j = 0; j < kDim; ++j) {
    sum += .5 * std::log(2 * std::numbers::pi * std::numbers::e) +
           std::log(static_cast<double>(j + 1));
  }
  return sum;
}

TEST(FlowDiagnostics, OfAFlowThatIsAGaussian) {
  Context context = Context::cpu();
  const Matrix<float> train = normal_rows(4000, 1), held_out = normal_rows(4000, 2);
  // Couplings start as the identity: after ActNorm's first rows the flow is a normal density.
  Flow flow(context, kDim, {.blocks = 2, .width = 8, .depth = 1});
  flow.initialize(context, train);
  const FlowDiagnostics found = flow_diagnostics(context, flow, train, held_out, 3);
  EXPECT_NEAR(found.nll, entropy(), .1);
  EXPECT_NEAR(found.nll_gaussian, entropy(), .1);
  EXPECT_GT(found.round_trip_max, 0);
  EXPECT_LT(found.round_trip_max, 1e-4);
  EXPECT_LT(found.round_trip_max_double, 1e-12);
  EXPECT_LT(found.logdet_error, 1e-12);
  EXPECT_EQ(found.sample, 3);
}

// A flow whose couplings do something: still the Jacobian's determinant.
TEST(FlowDiagnostics, OfAFlowThatBends) {
  Context context = Context::cpu();
  const Matrix<float> train = normal_rows(100, 1), held_out = normal_rows(20, 2);
  Flow flow(context, kDim, {.blocks = 3, .width = 16, .zero_last = false});
  flow.initialize(context, train);
  const VectorView<float> values = flow.parameters().values;
  for (std::int64_t i = 0; i < values.size; ++i) values[i] *= 1.5F;
  const FlowDiagnostics found = flow_diagnostics(context, flow, train, held_out);
  EXPECT_LT(found.logdet_error, 1e-10);
  EXPECT_LT(found.round_trip_max_double, 1e-10);
  EXPECT_GT(std::abs(found.nll - found.nll_gaussian), .1);
}

TEST(FlowDiagnostics, RefusesRowsThatDoNotFit) {
  Context context = Context::cpu();
  const Matrix<float> train = normal_rows(100, 1);
  Flow flow(context, kDim, {.blocks = 1, .width = 8, .depth = 1});
  flow.initialize(context, train);
  EXPECT_THROW(flow_diagnostics(context, flow, train.view().col_range(0, 4), train), Error);
  EXPECT_THROW(flow_diagnostics(context, flow, train.view().row_range(0, kDim), train), Error);
  EXPECT_THROW(flow_diagnostics(context, flow, train, train.view().row_range(0, 0)), Error);
  Matrix<float> flat = normal_rows(100, 1);
  for (std::int64_t i = 0; i < 100; ++i) flat(i, 2) = flat(i, 1);
  EXPECT_THROW(flow_diagnostics(context, flow, flat, train), Error);
}

// The check that a study makes before its training, and the error that it would get after it.
TEST(FlowDiagnostics, RowsInAPlaneAreRefusedBefore) {
  Context context = Context::cpu();
  Matrix<float> rows = normal_rows(50, 1);
  check_diagnosable(context, rows);
  for (std::int64_t i = 0; i < 50; ++i) rows(i, 4) = 3;
  const auto message = [&](MatrixView<const float> train) -> std::string {
    return test::error_of([&] { check_diagnosable(context, train); });
  };
  EXPECT_EQ(message(rows),
            "flow_diagnostics: expected training rows that span all 5 columns, got a singular "
            "covariance of 50 rows");
  EXPECT_EQ(message(rows.view().row_range(0, 5)),
            "flow_diagnostics: expected more than 5 training rows, got 5");
}

// The first column is the factor: its own block tells it, and another block tells no more than
// chance.
TEST(Leakage, FindsWhereAFactorIs) {
  Context context = Context::cpu();
  Random random(3);
  const auto make = [&](std::int64_t n, Matrix<float>& rows, std::vector<Factor>& factors) {
    rows = Matrix<float>(n, 3);
    std::vector<std::int32_t> labels, noise;
    for (std::int64_t i = 0; i < n; ++i) {
      const bool one = i % 3 == 0;
      labels.push_back(one ? 1 : 0);
      noise.push_back(static_cast<std::int32_t>(random.below(2)));
      rows(i, 0) = static_cast<float>((one ? 2 : -2) + .3 * random.normal());
      for (const std::int64_t j : {1, 2}) rows(i, j) = static_cast<float>(random.normal());
    }
    factors.push_back(class_factor("kind", labels));
    factors.push_back(class_factor("noise", noise));
  };
  Matrix<float> train, held_out;
  std::vector<Factor> train_factors, held_out_factors;
  make(600, train, train_factors);
  make(300, held_out, held_out_factors);
  std::vector<Factor> known;
  known.push_back(select_rows(train_factors[0], every_row(600)));
  IinOptions options;
  options.flow = {.blocks = 2, .width = 16, .depth = 1};
  options.sizes = {1};
  options.epochs = 100;
  options.batch = 64;
  const Iin iin = Iin::fit(context, train, known, options);
  const Leakage found = leakage(context, iin, train, train_factors, held_out, held_out_factors);
  ASSERT_EQ(found.scores.size(), 2U);
  EXPECT_NEAR(found.chance[0], 2. / 3, 1e-9);
  EXPECT_GT(found.scores[0][0], .95);
  EXPECT_LT(found.scores[1][0], .85);
  for (const std::vector<double>& block : found.scores) EXPECT_NEAR(block[1], .5, .12);
}

}  // namespace
}  // namespace clipk
