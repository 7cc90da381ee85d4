#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace clipk {

/// Standard error of a statistic of rows by the delete-a-group jackknife, for statistics that no
/// sum over rows gives (a skew, a distance of means). The groups are dealt into folds, group g into
/// fold g mod folds; the statistic is computed without each fold in turn, and the error is
///   sqrt((folds - 1) / folds * sum over folds of (value - mean of the values)^2).
/// The estimate -+ t standard errors, t of Student's distribution with folds - 1 degrees of
/// freedom, is a confidence interval.
///
/// @param groups [n] the group of every row, counted from 0: rows that belong together, as equal
///   ones (equal_row_groups), are left out together. 0 ... n - 1 where every row stands alone.
/// @param statistic of these rows, which rise; called `folds` times
/// @throws Error if folds is below 2, there are fewer groups than folds, or a group is negative.
/// Deterministic: as the statistic. Runs on the host.
/// Source: Kott, The delete-a-group jackknife, Journal of Official Statistics 17 (2001).
double jackknife_standard_error(
    std::span<const std::int64_t> groups,
    const std::function<double(const std::vector<std::int64_t>& rows)>& statistic,
    std::int64_t folds = 20);

}  // namespace clipk
