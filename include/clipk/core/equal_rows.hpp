#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/view.hpp"

namespace clipk {

/// The group of every row [n], for embeddings. Rows belong to one group if they are equal except
/// for rounding: if their distance is within 1e-6 of their length (0 equals -0). Groups are
/// numbered from 0 in the order of their first row, so without equal rows row i is in group i.
///
/// Rows of length one that point the same way are therefore in one group, whatever their lengths
/// were before. A row that is not finite equals no other row. Use same_row_groups, which compares
/// exactly, for raw values: a large one that hardly varies (a time, a coordinate) would hide the
/// differences of all others from this function.
/// @param rows [n, d] on the host
/// Deterministic: yes. O(n (d + log n)) where few rows are nearly equal.
std::vector<std::int64_t> equal_row_groups(MatrixView<const float> rows);

/// The same by exact equality, for raw values: rows belong to one group if all their values are
/// equal (0 equals -0). A difference of rounding separates them, unlike in equal_row_groups. A row
/// with NaN equals no other row.
/// @param rows [n, d] on the host
/// Deterministic: yes. O(n log n) comparisons of rows.
std::vector<std::int64_t> same_row_groups(MatrixView<const float> rows);

/// The groups of rows that are joined in either of two groupings of the same rows, or by a chain of
/// them; numbered like those of equal_row_groups.
std::vector<std::int64_t> joined_groups(const std::vector<std::int64_t>& a,
                                        const std::vector<std::int64_t>& b);

/// Whether texts are prompts shared by many images, such as one prompt per class: the number of
/// different texts is less than half the number of different images.
/// @param images, texts groups of the same pairs
bool texts_are_prompts(const std::vector<std::int64_t>& images,
                       const std::vector<std::int64_t>& texts);

/// The groups of pairs that a split must not separate: pairs with an equal image, and pairs with an
/// equal text unless texts are prompts (texts_are_prompts). Keeping the pairs of a prompt together
/// would take whole classes from one side.
/// @param images, texts groups of the same pairs
std::vector<std::int64_t> pair_groups(const std::vector<std::int64_t>& images,
                                      const std::vector<std::int64_t>& texts);

/// How many groups there are.
std::int64_t group_count(const std::vector<std::int64_t>& groups);

/// Splits rows in a random order in two, so that no group lies on both sides. The first rows are
/// set aside, and `order` becomes these followed by all others. A group that no longer fits stays
/// with the others. Where no rows are equal `order` does not change.
/// @param order [n] of the rows  @param aside how many to set aside at most  @param groups [n]
/// @return how many were set aside
std::int64_t set_groups_aside(std::vector<std::int64_t>& order, std::int64_t aside,
                              const std::vector<std::int64_t>& groups);

}  // namespace clipk
