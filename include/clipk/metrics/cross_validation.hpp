#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

// Cross-validation of anything that tells classes, where some rows must stay together.
namespace clipk {

/// A fold for every row, so that each fold has about as many rows of every class, and rows of one
/// group are in one fold: what scikit-learn calls StratifiedGroupKFold, by another rule. Rows come
/// in a random order (stream class_folds of the seed); the first row of a group takes the next fold
/// of its class, and the others follow it.
///
/// @param classes [n] from 0  @param groups [n] from 0, as equal_row_groups gives them
/// @param folds at least 2
/// @return [n] in [0, folds)
/// @throws Error if sizes differ, a class or a group is negative, or folds is below 2.
/// Deterministic: yes. Runs on the host.
std::vector<std::int64_t> stratified_group_folds(std::span<const std::int32_t> classes,
                                                 std::span<const std::int64_t> groups,
                                                 std::int64_t folds, std::uint64_t seed);

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
                                                      std::span<const std::int64_t> folds,
                                                      const FoldPredictor& predict);

}  // namespace clipk
