#include "clipk/metrics/cross_validation.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "core/check.hpp"

namespace clipk {
namespace {

constexpr const char* kPredictions = "cross_validated_predictions";

// Checks both and returns the largest class + 1.
std::size_t checked(std::span<const std::int32_t> classes, std::span<const std::int32_t> folds) {
  if (folds.size() != classes.size()) {
    check::fail(kPredictions, "folds of size " + std::to_string(classes.size()),
                std::to_string(folds.size()));
  }
  std::int32_t largest = -1;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i] < 0) check::fail(kPredictions, "classes from 0", std::to_string(classes[i]));
    if (folds[i] < 0) check::fail(kPredictions, "folds from 0", std::to_string(folds[i]));
    largest = std::max(largest, classes[i]);
  }
  return static_cast<std::size_t>(largest) + 1;
}

}  // namespace

std::vector<std::int32_t> stratified_folds(std::span<const std::int32_t> labels,
                                           std::span<const std::int64_t> order,
                                           const FoldOptions& options) {
  constexpr const char* kFolds = "stratified_folds";
  const auto check_size = [&](const char* what, std::size_t size) {
    if (size == labels.size()) return;
    check::fail(kFolds, std::string(what) + " of size " + std::to_string(labels.size()),
                std::to_string(size));
  };
  check_size("an order", order.size());
  if (!options.groups.empty()) check_size("groups", options.groups.size());
  if (options.folds < 2) check::fail(kFolds, "at least 2 folds", std::to_string(options.folds));

  std::map<std::int32_t, std::int64_t> dealt;  // rows of each class, then where its dealing begins
  for (const std::int32_t label : labels) {
    if (label >= 0) ++dealt[label];
  }
  std::int64_t before = 0;
  for (auto& [label, next] : dealt) {
    const std::int64_t size = next;
    next = options.begin == FoldBegin::next ? before : 0;
    before += size;
  }
  std::vector<std::int32_t> fold(labels.size(), -1);
  std::vector<bool> seen(labels.size());
  std::map<std::int64_t, std::int32_t> of_group;
  for (const std::int64_t i : order) {
    const auto row = static_cast<std::size_t>(i);
    if (row >= labels.size()) {
      check::fail(kFolds, "an order of rows below " + std::to_string(labels.size()),
                  std::to_string(i));
    }
    if (seen[row]) check::fail(kFolds, "each row once in the order", std::to_string(i) + " twice");
    seen[row] = true;
    if (labels[row] < 0) continue;
    if (!options.groups.empty()) {
      const auto found = of_group.find(options.groups[row]);
      if (found != of_group.end()) {
        fold[row] = found->second;
        continue;
      }
    }
    fold[row] = static_cast<std::int32_t>(dealt.at(labels[row])++ % options.folds);
    if (!options.groups.empty()) of_group[options.groups[row]] = fold[row];
  }
  return fold;
}

std::vector<std::int32_t> cross_validated_predictions(std::span<const std::int32_t> classes,
                                                      std::span<const std::int32_t> folds,
                                                      const FoldPredictor& predict) {
  const std::size_t class_count = checked(classes, folds);
  std::vector<std::int32_t> predictions(classes.size(), -1);
  if (classes.empty()) return predictions;
  for (const std::int32_t fold : std::set<std::int32_t>(folds.begin(), folds.end())) {
    std::vector<std::int64_t> train, test;
    std::vector<std::int32_t> train_classes;
    std::vector<bool> there(class_count);
    for (std::size_t i = 0; i < classes.size(); ++i) {
      if (folds[i] == fold) continue;
      train.push_back(static_cast<std::int64_t>(i));
      train_classes.push_back(classes[i]);
      there[static_cast<std::size_t>(classes[i])] = true;
    }
    for (std::size_t i = 0; i < classes.size(); ++i) {
      if (folds[i] != fold || !there[static_cast<std::size_t>(classes[i])]) continue;
      test.push_back(static_cast<std::int64_t>(i));
    }
    // One class alone would always be right.
    if (test.empty() || std::count(there.begin(), there.end(), true) < 2) continue;
    const std::vector<std::int32_t> predicted = predict(train, train_classes, test);
    if (predicted.size() != test.size()) {
      check::fail(kPredictions, std::to_string(test.size()) + " predictions",
                  std::to_string(predicted.size()));
    }
    for (std::size_t t = 0; t < test.size(); ++t) {
      predictions[static_cast<std::size_t>(test[t])] = predicted[t];
    }
  }
  return predictions;
}

}  // namespace clipk
