#include "clipk/metrics/cross_validation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "clipk/core/error.hpp"

namespace clipk::test {
namespace {

using Rows = std::vector<std::int64_t>;
using Classes = std::vector<std::int32_t>;

Rows in_order(std::int64_t n) {
  Rows rows(static_cast<std::size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

TEST(StratifiedGroupFolds, EveryClassIsDealtEvenly) {
  Classes classes;
  for (std::int32_t i = 0; i < 103; ++i) classes.push_back(i % 10 == 0 ? 2 : i % 2);
  const Rows folds = stratified_group_folds(classes, in_order(103), 5, 1);
  std::map<std::int32_t, std::vector<std::int64_t>> sizes;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    auto& of_class = sizes[classes[i]];
    of_class.resize(5);
    ++of_class[static_cast<std::size_t>(folds[i])];
  }
  for (const auto& [c, of_class] : sizes) {
    const auto [least, most] = std::minmax_element(of_class.begin(), of_class.end());
    EXPECT_LE(*most - *least, 1) << c;
  }
  EXPECT_EQ(folds, stratified_group_folds(classes, in_order(103), 5, 1));
  EXPECT_NE(folds, stratified_group_folds(classes, in_order(103), 5, 2));
}

TEST(StratifiedGroupFolds, AGroupIsInOneFold) {
  Classes classes;
  Rows groups;
  for (std::int64_t i = 0; i < 60; ++i) {
    classes.push_back(static_cast<std::int32_t>(i % 3));
    groups.push_back(i % 20);
  }
  const Rows folds = stratified_group_folds(classes, groups, 4, 0);
  std::map<std::int64_t, std::set<std::int64_t>> of_group;
  for (std::size_t i = 0; i < folds.size(); ++i) of_group[groups[i]].insert(folds[i]);
  for (const auto& [group, in] : of_group) EXPECT_EQ(in.size(), 1u) << group;
  EXPECT_TRUE(stratified_group_folds({}, {}, 2, 0).empty());
}

TEST(CrossValidatedPredictions, FitToTheOtherFolds) {
  const Classes classes{0, 1, 0, 1, 0, 1};
  const Rows folds{0, 0, 1, 1, 2, 2};
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
  EXPECT_EQ(cross_validated_predictions(Classes{0, 2, 0, 1, 0, 1}, Rows{0, 0, 1, 1, 2, 2}, zeros),
            (Classes{0, -1, 0, 0, 0, 0}));
  EXPECT_EQ(cross_validated_predictions(Classes{0, 1, 0, 0}, Rows{0, 0, 1, 1}, zeros),
            (Classes{-1, -1, 0, 0}));
  EXPECT_TRUE(cross_validated_predictions({}, {}, zeros).empty());
}

template <class Work>
std::string message(const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(CrossValidation, BadInputIsNamed) {
  const Classes classes{0, 1, 0, 1};
  EXPECT_EQ(message([&] { stratified_group_folds(classes, in_order(4), 1, 0); }),
            "stratified_group_folds: expected at least 2 folds, got 1");
  EXPECT_EQ(message([&] { stratified_group_folds(classes, in_order(3), 2, 0); }),
            "stratified_group_folds: expected groups of size 4, got 3");
  EXPECT_EQ(message([&] {
              stratified_group_folds(Classes{0, -1}, in_order(2), 2, 0);
            }),
            "stratified_group_folds: expected classes from 0, got -1");
  EXPECT_EQ(message([&] {
              stratified_group_folds(Classes{0, 1}, Rows{-2, 0}, 2, 0);
            }),
            "stratified_group_folds: expected groups from 0, got -2");
  EXPECT_EQ(message([&] {
              cross_validated_predictions(
                  classes, Rows{0, 0, 1, 1},
                  [](const auto&, const auto&, const auto&) { return Classes(1); });
            }),
            "cross_validated_predictions: expected 2 predictions, got 1");
}

}  // namespace
}  // namespace clipk::test
