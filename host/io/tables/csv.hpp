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
  bool quoted = false;    ///< whether it stood in quotes
};

/// A table as files of text hold it.
struct Table {
  std::string path;                          ///< for messages
  char delimiter = ',';                      ///< between its fields
  bool rows_had_names = false;               ///< each in a first field, which was left out
  std::vector<std::string> names = {};       ///< of the columns, as the first line has them
  std::vector<std::vector<Cell>> rows = {};  ///< of as many fields

  /// Throws "PATH: expected EXPECTED, got GOT".
  [[noreturn]] void fail(const std::string& expected, const std::string& got) const {
    throw Error(path + ": expected " + expected + ", got " + got);
  }
};

/// Reads a table (RFC 4180, lines ended by LF, CR LF or CR) whose first line names the columns. Its
/// fields are parted by the one of comma, semicolon, tab and bar that stands in the first line
/// outside quotes; of several by the one that parts every line into as many fields. A line "sep=;"
/// before the first, as Excel takes it, says so itself. Where every other line has one field more,
/// that is the row's name, as R writes it, or an empty one at the end. Between commas, which may be
/// decimal ones, names of rows must be quoted or be their numbers, without numbers side by side.
/// @throws Error that names the path, and the line where one is at fault: the file cannot be read,
/// has no rows, is not UTF-8, has lines of different numbers of fields, quotes that do not end, or
/// more than one way to part its fields.
Table read_table(const std::filesystem::path& path);

}  // namespace clipk::io
