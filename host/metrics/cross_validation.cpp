#include "clipk/metrics/cross_validation.hpp"

#include <algorithm>
#include <string>

#include "clipk/core/random.hpp"
#include "core/check.hpp"

namespace clipk {
namespace {

// Checks both and returns the largest class + 1.
std::size_t checked(const char* name, std::span<const std::int32_t> classes, const char* other_name,
                    std::span<const std::int64_t> other) {
  if (other.size() != classes.size()) {
    check::fail(name, std::string(other_name) + " of size " + std::to_string(classes.size()),
                std::to_string(other.size()));
  }
  std::int32_t largest = -1;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i] < 0) check::fail(name, "classes from 0", std::to_string(classes[i]));
    if (other[i] < 0) {
      check::fail(name, std::string(other_name) + " from 0", std::to_string(other[i]));
    }
    largest = std::max(largest, classes[i]);
  }
  return static_cast<std::size_t>(largest) + 1;
}

}  // namespace

std::vector<std::int64_t> stratified_group_folds(std::span<const std::int32_t> classes,
                                                 std::span<const std::int64_t> groups,
                                                 std::int64_t folds, std::uint64_t seed) {
  constexpr const char* kName = "stratified_group_folds";
  if (folds < 2) check::fail(kName, "at least 2 folds", std::to_string(folds));
  std::vector<std::int64_t> dealt(checked(kName, classes, "groups", groups));
  std::vector<std::int64_t> fold(classes.size());
  if (fold.empty()) return fold;
  std::vector<std::int64_t> of_group(
      static_cast<std::size_t>(*std::max_element(groups.begin(), groups.end())) + 1, -1);
  const auto n = static_cast<std::int64_t>(classes.size());
  for (const std::int64_t row : Random(seed, RandomStream::class_folds).permutation(n)) {
    const auto at = static_cast<std::size_t>(row);
    std::int64_t& group = of_group[static_cast<std::size_t>(groups[at])];
    if (group < 0) group = dealt[static_cast<std::size_t>(classes[at])]++ % folds;
    fold[at] = group;
  }
  return fold;
}

std::vector<std::int32_t> cross_validated_predictions(std::span<const std::int32_t> classes,
                                                      std::span<const std::int64_t> folds,
                                                      const FoldPredictor& predict) {
  constexpr const char* kName = "cross_validated_predictions";
  const std::size_t class_count = checked(kName, classes, "folds", folds);
  std::vector<std::int32_t> predictions(classes.size(), -1);
  if (classes.empty()) return predictions;
  const std::int64_t last = *std::max_element(folds.begin(), folds.end());
  for (std::int64_t fold = 0; fold <= last; ++fold) {
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
      check::fail(kName, std::to_string(test.size()) + " predictions",
                  std::to_string(predicted.size()));
    }
    for (std::size_t t = 0; t < test.size(); ++t) {
      predictions[static_cast<std::size_t>(test[t])] = predicted[t];
    }
  }
  return predictions;
}

}  // namespace clipk
