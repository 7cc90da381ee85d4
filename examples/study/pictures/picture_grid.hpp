#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace clipk::study {

/// How the values of a row make a picture: row by row, the channels of a pixel side by side.
struct ImageShape {
  std::int64_t height = 0, width = 0;
  std::int64_t channels = 0;  ///< 1 or 3; 0: rows are no pictures
  std::int64_t values() const { return height * width * channels; }
  bool known() const { return channels > 0; }
};

/// Pictures in rows and columns, with names over groups of columns and over single ones. Values
/// from 0 to 1; others are cut. Names that are too long are cut, and columns for which there is no
/// room left out; the note then says so.
struct PictureGrid {
  struct Column {
    std::string group = {};  ///< neighbours of one group have one name over them, and a gap around
    std::string name = {};
    std::vector<const float*> pictures = {};  ///< from the top; null: none
  };
  std::string title = {};
  std::string note = {};  ///< below
  ImageShape shape = {};
  std::vector<Column> columns = {};
  std::vector<std::string> rows = {};  ///< names at the left; may be empty
  /// Pixels; pictures are enlarged, or made smaller, by whole factors to stay within.
  int widest = 2000;
};

/// The script of gnuplot that draws it.
/// @throws Error if columns differ in length, or there are no pictures.
std::string script_of(const PictureGrid& grid);
/// As the bytes of a PNG, drawn by gnuplot.
/// @throws Error as script_of, and where gnuplot is missing or fails.
std::string to_png(const PictureGrid& grid);

}  // namespace clipk::study
