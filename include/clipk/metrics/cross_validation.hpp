#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

// Cross-validation of anything that tells classes, where some rows must stay together.
namespace clipk {

/// The fold where the dealing of a class begins.
enum class FoldBegin : std::uint8_t {
  next,   ///< where the class before it ended: without groups, fold sizes differ by at most one row
  first,  ///< at the first fold: a class's folds do not depend on the other classes
};

/// How rows are dealt to the folds of a cross-validation.
struct FoldOptions {
  std::int64_t folds = 5;                     ///< number of folds
  std::span<const std::int64_t> groups = {};  ///< [n]: rows of a group share a fold; or empty
  FoldBegin begin = FoldBegin::next;          ///< where each class begins
};

/// Stratified folds: the rows of each class go to the folds in turn. A group goes where its first
/// row does.
/// @param labels [n] a class from 0 each, or below 0 for a row that is left out
/// @param order [n] the order in which rows are dealt: a random permutation
/// @returns [n] the fold of each row; -1 without a label
/// @throws Error if sizes differ, `order` is no permutation of the rows, or there are fewer than 2
/// folds. Deterministic: yes. Runs on the host.
std::vector<std::int32_t> stratified_folds(std::span<const std::int32_t> labels,
                                           std::span<const std::int64_t> order,
                                           const FoldOptions& options = {});

/// Fits to the rows `train` and tells the classes of the rows `test`, both rising.
using FoldPredictor = std::function<std::vector<std::int32_t>(
    const std::vector<std::int64_t>& train, const std::vector<std::int32_t>& train_classes,
    const std::vector<std::int64_t>& test)>;

/// The class that every row is told to have by what was fitted to the other folds. -1 where that
/// cannot be told: the other folds have no row of its class, or rows of one class alone.
///
/// @param classes [n] from 0  @param folds [n] from 0
/// @throws Error if sizes differ, a class or a fold is negative, or `predict` gives another number
///   of classes than it has rows to test.
/// Deterministic: as `predict`. Runs on the host.
std::vector<std::int32_t> cross_validated_predictions(std::span<const std::int32_t> classes,
                                                      std::span<const std::int32_t> folds,
                                                      const FoldPredictor& predict);

}  // namespace clipk
