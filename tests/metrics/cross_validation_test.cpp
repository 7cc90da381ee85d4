#include "clipk/metrics/cross_validation.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/error_of.hpp"

namespace clipk::test {
namespace {

using Rows = std::vector<std::int64_t>;
using Classes = std::vector<std::int32_t>;

TEST(StratifiedFolds, AClassIsDealtInTurn) {
  const Classes labels{1, 0, 1, -1, 0, 1, 0, 1};
  const Rows order{7, 6, 5, 4, 3, 2, 1, 0};
  // Class 0 has rows 6, 4, 1 in this order, class 1 rows 7, 5, 2, 0.
  EXPECT_EQ(stratified_folds(labels, order, {.folds = 2}), (Classes{0, 0, 1, -1, 1, 0, 0, 1}));
  EXPECT_EQ(stratified_folds(labels, order, {.folds = 2, .begin = FoldBegin::first}),
            (Classes{1, 0, 0, -1, 1, 1, 0, 0}));
}

TEST(StratifiedFolds, AGroupSharesTheFoldOfItsFirstRow) {
  const Classes labels{0, 0, 0, 0, 1, 1};
  const Rows order{0, 1, 2, 3, 4, 5}, groups{0, 1, 0, 3, 1, 5};
  EXPECT_EQ(
      stratified_folds(labels, order, {.folds = 3, .groups = groups, .begin = FoldBegin::first}),
      (Classes{0, 1, 0, 2, 1, 0}));
}

TEST(StratifiedFolds, WhatDoesNotFitIsRefused) {
  const Classes labels{0, 0};
  const Rows order{1, 0}, longer{0, 1, 2};
  EXPECT_EQ(error_of([&] { stratified_folds(labels, longer); }),
            "stratified_folds: expected an order of size 2, got 3");
  EXPECT_EQ(error_of([&] { stratified_folds(labels, order, {.groups = longer}); }),
            "stratified_folds: expected groups of size 2, got 3");
  EXPECT_EQ(error_of([&] { stratified_folds(labels, order, {.folds = 1}); }),
            "stratified_folds: expected at least 2 folds, got 1");
  const Rows beyond{0, 2}, below{0, -1}, twice{1, 1};
  EXPECT_EQ(error_of([&] { stratified_folds(labels, twice); }),
            "stratified_folds: expected each row once in the order, got 1 twice");
  EXPECT_EQ(error_of([&] { stratified_folds(labels, beyond); }),
            "stratified_folds: expected an order of rows below 2, got 2");
  EXPECT_EQ(error_of([&] { stratified_folds(labels, below); }),
            "stratified_folds: expected an order of rows below 2, got -1");
}

TEST(CrossValidatedPredictions, FitToTheOtherFolds) {
  const Classes classes{0, 1, 0, 1, 0, 1};
  const Classes folds{0, 0, 1, 1, 2, 2};
  const auto predict = [&](const Rows& train, const Classes& train_classes, const Rows& test) {
    EXPECT_EQ(train.size(), 4u);
    for (std::size_t t = 0; t < train.size(); ++t) {
      EXPECT_EQ(train_classes[t], classes[static_cast<std::size_t>(train[t])]);
      EXPECT_NE(folds[static_cast<std::size_t>(train[t])],
                folds[static_cast<std::size_t>(test[0])]);
    }
    return Classes{static_cast<std::int32_t>(test[0]), static_cast<std::int32_t>(test[1])};
  };
  EXPECT_EQ(cross_validated_predictions(classes, folds, predict), (Classes{0, 1, 2, 3, 4, 5}));
}

// Class 2 is in fold 0 alone; without it and fold 1 only class 0 is left.
TEST(CrossValidatedPredictions, WhatCannotBeToldIsNotTold) {
  const auto zeros = [](const Rows&, const Classes&, const Rows& test) {
    return Classes(test.size(), 0);
  };
  EXPECT_EQ(
      cross_validated_predictions(Classes{0, 2, 0, 1, 0, 1}, Classes{0, 0, 1, 1, 2, 2}, zeros),
      (Classes{0, -1, 0, 0, 0, 0}));
  EXPECT_EQ(cross_validated_predictions(Classes{0, 1, 0, 0}, Classes{0, 0, 1, 1}, zeros),
            (Classes{-1, -1, 0, 0}));
  EXPECT_TRUE(cross_validated_predictions({}, {}, zeros).empty());
}

TEST(CrossValidation, BadInputIsNamed) {
  const Classes classes{0, 1, 0, 1};
  EXPECT_EQ(error_of([&] {
              cross_validated_predictions(
                  classes, Classes{0, 0, 1, 1},
                  [](const auto&, const auto&, const auto&) { return Classes(1); });
            }),
            "cross_validated_predictions: expected 2 predictions, got 1");
  const auto refusal = [](const Classes& known, const Classes& folds) {
    return error_of([&] {
      cross_validated_predictions(known, folds, [](const auto&, const auto&, const auto& test) {
        return Classes(test.size());
      });
    });
  };
  EXPECT_EQ(refusal(classes, {0, 0, 1}),
            "cross_validated_predictions: expected folds of size 4, got 3");
  EXPECT_EQ(refusal({0, -1}, {0, 1}),
            "cross_validated_predictions: expected classes from 0, got -1");
  EXPECT_EQ(refusal({0, 1}, {0, -2}), "cross_validated_predictions: expected folds from 0, got -2");
}

}  // namespace
}  // namespace clipk::test
