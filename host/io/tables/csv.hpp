#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipk/core/error.hpp"

namespace clipk::io {

/// A field of a table.
struct Cell {
  std::string text;       ///< without quotes, and without the blanks around it
  std::int64_t line = 0;  ///< in the file, from 1
  bool quoted = false;    ///< whether it was quoted
};

/// The table of a text file.
struct Table {
  std::string path;                          ///< for messages
  char delimiter = ',';                      ///< between its fields
  bool rows_had_names = false;               ///< in a first field, which was left out
  std::vector<std::string> names = {};       ///< of the columns, from the first line
  std::vector<std::vector<Cell>> rows = {};  ///< each of names.size() fields

  /// Throws "PATH: expected EXPECTED, got GOT".
  [[noreturn]] void fail(const std::string& expected, const std::string& got) const {
    throw Error(path + ": expected " + expected + ", got " + got);
  }
};

/// Reads a table (RFC 4180, lines ended by LF, CR LF or CR) whose first line names the columns. The
/// delimiter is the comma, semicolon, tab or bar that occurs in the first line outside quotes; of
/// several, the one that splits every line into equally many fields. A line "sep=;" before the
/// first, as Excel accepts it, sets the delimiter. Where every other line has one field more, that
/// field is the row's name, as R writes it, or an empty one at the end. In a file delimited by
/// commas, which might be decimal commas, names of rows must be quoted or be their numbers, without
/// numbers side by side.
/// @throws Error that names the path, and the line where one is at fault: the file cannot be read,
/// has no rows, is not UTF-8, has lines of different numbers of fields, quotes that do not end, or
/// more than one way to split it into fields.
Table read_table(const std::filesystem::path& path);

}  // namespace clipk::io
