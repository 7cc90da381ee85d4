#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "clipk/models/logistic_probe.hpp"
#include "metrics/labelings.hpp"
#include "support/error_of.hpp"
#include "support/uniform_rows.hpp"

namespace clipk::test {
namespace {

using Labels = std::vector<std::int32_t>;

Context cpu(std::uint64_t seed = 0, int threads = 2) {
  return Context::cpu({.seed = seed, .threads = threads});
}

// Column c is higher in class c, by so much that most rows are told apart.
Matrix<float> rows_of(const Labels& labels) {
  Matrix<float> rows = uniform_rows(static_cast<std::int64_t>(labels.size()), 8, 1);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= 0) rows(static_cast<std::int64_t>(i), labels[i] % 8) += 0.5F;
  }
  return rows;
}

TEST(LogisticCrossValidation, EveryLabelledRowIsPredictedOnceByAProbeThatDidNotSeeIt) {
  Context context = cpu();
  Labels labels = random_labels(101, 3, 5);
  for (std::size_t i = 0; i < labels.size(); i += 9) labels[i] = -1;
  const Matrix<float> rows = rows_of(labels);
  const LogisticCrossValidation result = cross_validate(context, rows, labels, 4);
  ASSERT_EQ(result.fold_accuracy.size(), 4U);
  std::int64_t right = 0, known = 0;
  for (std::int32_t fold = 0; fold < 4; ++fold) {
    Labels train = labels;
    std::int64_t hits = 0, size = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (result.fold[i] == fold) train[i] = -1;
    }
    const Labels predicted = LogisticProbe::fit(context, rows, train).predict(context, rows);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (result.fold[i] != fold) continue;
      EXPECT_GE(labels[i], 0);
      EXPECT_EQ(result.predictions[i], predicted[i]);
      ++size;
      hits += predicted[i] == labels[i] ? 1 : 0;
    }
    EXPECT_EQ(result.fold_accuracy[static_cast<std::size_t>(fold)],
              static_cast<double>(hits) / static_cast<double>(size));
    right += hits;
    known += size;
  }
  EXPECT_EQ(known, 101 - 12);
  EXPECT_EQ(result.accuracy, static_cast<double>(right) / static_cast<double>(known));
  EXPECT_GT(result.accuracy, 0.6);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    EXPECT_EQ(labels[i] < 0, result.fold[i] < 0);
    EXPECT_EQ(labels[i] < 0, result.predictions[i] < 0);
  }
}

TEST(LogisticCrossValidation, FoldsAreStratifiedAndDrawnBySeed) {
  const Labels labels = random_labels(103, 4, 6);
  const Matrix<float> rows = rows_of(labels);
  const auto folds = [&](std::uint64_t seed, int threads) {
    Context context = cpu(seed, threads);
    return cross_validate(context, rows, labels, 5, {.max_iterations = 2});
  };
  const LogisticCrossValidation one = folds(1, 1), again = folds(1, 2), other = folds(2, 2);
  EXPECT_EQ(one.fold, again.fold);
  EXPECT_EQ(one.predictions, again.predictions);
  EXPECT_NE(one.fold, other.fold);
  const auto spread = [&](std::int32_t label) {  // most and fewest rows of a class (-1: all) a fold
    std::vector<int> sizes(5);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (label < 0 || labels[i] == label) ++sizes[static_cast<std::size_t>(one.fold[i])];
    }
    const auto [low, high] = std::minmax_element(sizes.begin(), sizes.end());
    return *high - *low;
  };
  for (std::int32_t label = -1; label < 4; ++label) EXPECT_LE(spread(label), 1);
}

TEST(LogisticCrossValidation, ChanceOnLabelsThatMeanNothing) {
  Context context = cpu();
  const Labels labels = random_labels(400, 4, 7);
  const double accuracy = cross_validate(context, uniform_rows(400, 8, 3), labels).accuracy;
  EXPECT_GT(accuracy, 0.15);
  EXPECT_LT(accuracy, 0.35);
}

TEST(LogisticChoice, TheBestOnTheRowsHeldOutAndOfEqualOnesTheSmallest) {
  Context context = cpu(3);
  const Labels labels = random_labels(200, 3, 8);
  const Matrix<float> rows = rows_of(labels);
  const LogisticSearch search{.candidates = {100, 1e-6, 1, 1e-6 / 2}, .held_out = 0.25};
  const LogisticChoice choice = choose_c(context, rows, labels, search);
  ASSERT_EQ(choice.accuracy.size(), 4U);
  EXPECT_NEAR(static_cast<double>(choice.held_out), 50, 2);
  const double best = *std::max_element(choice.accuracy.begin(), choice.accuracy.end());
  double smallest = 1e9;
  for (std::size_t i = 0; i < 4; ++i) {
    if (choice.accuracy[i] == best) smallest = std::min(smallest, search.candidates[i]);
  }
  EXPECT_EQ(choice.c, smallest);
  Context again = cpu(3, 1);
  EXPECT_EQ(choose_c(again, rows, labels, search).accuracy, choice.accuracy);
  // Two rows of a class: one judges, one is learned from.
  const Labels few{0, 0, 1, 1};
  EXPECT_EQ(choose_c(context, rows_of(few), few, {.candidates = {1}, .held_out = 0.9}).held_out, 2);
}

TEST(LogisticSelection, BadInputIsRefused) {
  Context context = cpu();
  const Labels labels{0, 0, 1, 1, 2};
  const Matrix<float> rows = rows_of(labels);
  const MatrixView<const float> four = rows.view().row_range(0, 4);
  const Labels pairs{0, 0, 1, 1};
  EXPECT_EQ(error_of([&] { cross_validate(context, rows, labels, 2); }),
            "logistic_probe: expected at least 2 rows of each class, got 1 of label 2");
  EXPECT_EQ(error_of([&] { choose_c(context, rows, labels); }),
            "logistic_probe: expected at least 2 rows of each class, got 1 of label 2");
  EXPECT_EQ(error_of([&] { cross_validate(context, four, pairs, 1); }),
            "logistic_probe: expected at least 2 folds, got 1");
  EXPECT_EQ(error_of([&] { cross_validate(context, four, pairs, 5); }),
            "logistic_probe: expected at most as many folds as rows with a label: 4, got 5");
  EXPECT_EQ(error_of([&] { cross_validate(context, four, labels, 2); }),
            "logistic_probe: expected 4 labels, one a row, got 5");
  EXPECT_EQ(error_of([&] {
              cross_validate(context, four, Labels{1, 1, 1, 1}, 2);
            }),
            "logistic_probe: expected labels of at least 2 classes, got label 1 alone");
  EXPECT_EQ(error_of([&] {
              cross_validate(context, four, Labels{-1, -1, -1, -1}, 2);
            }),
            "logistic_probe: expected at most as many folds as rows with a label: 0, got 2");
  EXPECT_EQ(error_of([&] { choose_c(context, four, pairs, {.candidates = {}}); }),
            "logistic_probe: expected candidates for c, got none");
  EXPECT_EQ(error_of([&] { choose_c(context, four, pairs, {.held_out = 1}); }),
            "logistic_probe: expected a held_out share inside (0, 1), got 1.000000");
}

}  // namespace
}  // namespace clipk::test
