#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "clipk/core/factor.hpp"

// What an edit of a factor did, when the edited rows are read by a classifier or a regressor: the
// edited factor should read as it does in the row that it was taken from (the donor), every other
// factor as in the row that was edited (the source).
namespace clipk {

/// The range of each column of a factor's values over the rows that it is known of: largest less
/// smallest value. 1e-30 where they do not differ; empty of a factor of classes.
std::vector<double> factor_ranges(const Factor& factor);

/// How far apart two rows are in a factor. Of classes: 0 where they are equal, else 1. Of values:
/// the largest difference of a column, as a share of that column's range; NaN where a value is NaN.
/// @param a, b of one kind and width  @param i row of a  @param j row of b, both known
/// @param ranges of the factor (factor_ranges)
double factor_distance(const Factor& a, std::int64_t i, const Factor& b, std::int64_t j,
                       std::span<const double> ranges);

/// How well edits of one factor did.
struct FactorEditScores {
  double success = 0;         ///< share of edits in which the factor reads as in the donor
  std::vector<double> kept;   ///< [factors] share in which another reads as in the source
  std::vector<double> drift;  ///< [factors] mean distance of another from the source
};

/// Compares what is read of edited rows with the true factors of their sources and donors. Rows
/// that a factor is not known of are left out of its figures; NaN where none is left, and for the
/// edited factor in `kept` and `drift`.
///
/// @param edited the factor whose values were taken from the donors, as an index into `factors`
/// @param read [factors] what the m edited rows read as, as Probe::predict gives it
/// @param factors [factors] the true ones, of n rows
/// @param sources, donors [m] rows in [0, n)
/// @param tolerance largest distance (factor_distance) at which two rows count as the same
/// @throws Error if sizes or kinds differ, or `edited` or a row is out of range.
/// Deterministic: yes. Runs on the host.
FactorEditScores factor_edit_scores(std::int64_t edited, const std::vector<Factor>& read,
                                    const std::vector<Factor>& factors,
                                    std::span<const std::int64_t> sources,
                                    std::span<const std::int64_t> donors, double tolerance);

}  // namespace clipk
