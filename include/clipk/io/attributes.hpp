#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipk/core/factor.hpp"

namespace clipk {

/// The contents of a table of attributes.
struct Attributes {
  std::vector<Factor> factors;     ///< at least one, in the order of their columns
  std::vector<std::string> notes;  ///< what was left out or converted
};

/// The factors in a table of text (RFC 4180; UTF-8) whose first line names the columns:
///
///   shape,size,position:x,position:y
///   disc,7.5,12,20.25
///
/// Commas, semicolons, tabs or bars separate the fields, as in the first line. An empty field, NA,
/// N/A, NaN, None, NULL and the other texts that pandas takes for missing mean that the value is
/// not known. A column of numbers (also with a decimal comma, where that cannot be mistaken) is a
/// factor of values, unless all are whole, at most `most_classes` are different and some are equal.
/// Any other column holds classes, and so does a column of codes: leading zeros ("007") or whole
/// numbers of more than 15 digits. A number too near to 0 is 0. Columns NAME:PART with one NAME are
/// one factor of several values, known where all parts are.
///
/// Left out with a note: row names (a field for which the first line has no column, or a column
/// without a name that numbers the rows), and columns that do not tell rows apart: those with one
/// value throughout, with fewer than three known values, or with text that differs in every row.
/// @throws Error that names file, line and column: no rows, a row with another number of fields,
/// more than one possible separator, two columns of one name, quotes that do not end, text that is
/// not UTF-8, a number that float32 cannot hold or whose commas are ambiguous, or no column left.
Attributes read_attributes(const std::filesystem::path& path, std::int64_t most_classes = 20);

}  // namespace clipk
