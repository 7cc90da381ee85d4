#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/view.hpp"

namespace clipk {

/// The group of every row [n]: rows are of one group where they are equal but for rounding, which
/// is where they lie within 1e-6 of their length of each other (0 is -0). Groups are counted from 0
/// in the order of their first row, so that without equal rows row i is of group i.
///
/// Rows of length one that point the same way are therefore of one group, whatever their lengths
/// were. A row that is not finite is nothing's equal. For embeddings: of raw values a large one
/// that hardly varies (a time, a coordinate) would hide all others, so those are for
/// same_row_groups.
/// @param rows [n, d] on the host
/// Deterministic: yes. O(n (d + log n)) where few rows are nearly equal.
std::vector<std::int64_t> equal_row_groups(MatrixView<const float> rows);

/// Likewise, of rows whose values are all the same number (0 is -0). A row with NaN is nothing's
/// equal.
/// @param rows [n, d] on the host
/// Deterministic: yes. O(n log n) comparisons of rows.
std::vector<std::int64_t> same_row_groups(MatrixView<const float> rows);

/// The groups of rows that are joined in either of two groupings of the same rows, or by a chain of
/// them; counted as those of equal_row_groups.
std::vector<std::int64_t> joined_groups(const std::vector<std::int64_t>& a,
                                        const std::vector<std::int64_t>& b);

/// Whether texts are prompts of many images each, as one a class is: fewer than half as many texts
/// differ as images do.
/// @param images, texts groups of the same pairs
bool texts_are_prompts(const std::vector<std::int64_t>& images,
                       const std::vector<std::int64_t>& texts);

/// The groups of pairs that a split must not part: those of an equal image, and those of an equal
/// text where texts are no prompts (texts_are_prompts), of which a part without one would lack
/// whole classes.
/// @param images, texts groups of the same pairs
std::vector<std::int64_t> pair_groups(const std::vector<std::int64_t>& images,
                                      const std::vector<std::int64_t>& texts);

/// How many groups there are.
std::int64_t group_count(const std::vector<std::int64_t>& groups);

/// Splits rows in a random order in two, so that no group lies on both sides: its first rows are
/// set aside, and `order` becomes those followed by all others. A group that no longer fits is left
/// to the others. Where no rows are equal `order` stays as it is.
/// @param order [n] of the rows  @param aside how many to set aside at most  @param groups [n]
/// @return how many were set aside
std::int64_t set_groups_aside(std::vector<std::int64_t>& order, std::int64_t aside,
                              const std::vector<std::int64_t>& groups);

}  // namespace clipk
