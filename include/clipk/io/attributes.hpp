#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipk/core/factor.hpp"

namespace clipk {

/// What is in a table of attributes.
struct Attributes {
  std::vector<Factor> factors;     ///< at least one, in the order of their columns
  std::vector<std::string> notes;  ///< what was left out or read in a way that users should know
};

/// The factors in a table of text (RFC 4180; UTF-8) whose first line names the columns:
///
///   shape,size,position:x,position:y
///   disc,7.5,12,20.25
///
/// Fields are parted by commas, semicolons, tabs or bars, as the first line has them. In place of
/// a value may stand nothing, NA, N/A, NaN, None, NULL and what else pandas takes for a missing
/// one: it is not known. A column of numbers (with a decimal comma too, where that cannot be
/// mistaken) is a factor of values, unless all are whole, at most `most_classes` are different and
/// some are equal; any other column holds classes, and so does one with codes: zeros before a
/// number
/// ("007") or whole numbers of more than 15 digits. A number too near to 0 is 0. Columns NAME:PART
/// with one NAME are one factor of several values, known where all parts are.
///
/// Left out with a note: row names (a field that the first line has no column for, or a column
/// without a name that numbers the rows), and columns that tell no rows apart, as they have one
/// value throughout, fewer than three, or are text and different in every row.
/// @throws Error that names file, line and column: no rows, a row of another number of fields, more
/// than one way to part the fields, two columns of one name, quotes that do not end, text that is
/// not UTF-8, a number that float32 does not hold or whose commas are unclear, or no column is
/// left.
Attributes read_attributes(const std::filesystem::path& path, std::int64_t most_classes = 20);

}  // namespace clipk
