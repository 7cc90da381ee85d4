#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"

namespace clipk {

/// Something that is known of every row and varies between rows: a class (shape, category), or one
/// or more numbers (size; a position of two columns).
struct Factor {
  std::string name = {};                      ///< as users read it
  std::vector<std::int32_t> classes = {};     ///< [n], an index into class_names, -1: not known
  std::vector<std::string> class_names = {};  ///< by rising label or name
  Matrix<float> values = {};                  ///< [n, m] on the host, in place of classes

  bool categorical() const { return values.empty(); }  ///< whether it holds classes, not values
  /// Rows that it is known of, or known not to be.
  std::int64_t rows() const {
    return categorical() ? static_cast<std::int64_t>(classes.size()) : values.rows();
  }
};

/// The factor of these rows alone, each in [0, rows()); class names stay.
Factor select_rows(const Factor& factor, const std::vector<std::int64_t>& rows);

/// A factor of labels: any whole numbers, negative ones not known.
/// @param names of the labels from 0, or empty: a class is then named by its number
/// @throws Error if a label that occurs has no name.
Factor class_factor(const std::string& name, const std::vector<std::int32_t>& labels,
                    const std::vector<std::string>& names = {});

/// The factors in a CSV file (RFC 4180; UTF-8) whose first line names the columns:
///
///   shape,size,position:x,position:y
///   disc,7.5,12,20.25
///
/// A column of numbers is a factor of values, unless all are whole and there are at most
/// `most_classes` different ones; any other column holds classes, and an empty field there is one
/// that is not known. Columns NAME:PART with one NAME are one factor of several values.
/// @throws Error that names file, line and column: no rows, a row of another number of fields, two
/// columns of one name, quotes that do not end, a number that is not finite or missing.
std::vector<Factor> read_attributes(const std::filesystem::path& path,
                                    std::int64_t most_classes = 20);

}  // namespace clipk
