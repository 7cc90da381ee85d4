#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace clipk::study {

/// Rows and columns of a panel at most: so many names can be read.
inline constexpr std::size_t kHeatmapLines = 40;

/// A table of numbers as shaded cells, each with its number; row 0 is on top.
struct HeatmapPanel {
  std::string title = {};
  std::string x_label = {};
  std::string y_label = {};
  std::vector<std::string> columns = {};
  std::vector<std::string> rows = {};
  /// [rows][columns], from 0 (white) to 1; where `diverging`, from -1 (red) to 1 (blue)
  std::vector<std::vector<double>> values = {};
  std::vector<std::vector<std::string>> texts = {};  ///< the same form: what stands in the cells
  bool diverging = false;
  /// A column of each row that gets a frame, or as many as there are for none; or empty.
  std::vector<std::size_t> boxed = {};
};

/// Panels side by side, on several lines where they are many. The first kHeatmapLines rows and
/// columns of each are drawn, and a line below says so.
struct Heatmap {
  std::string title = {};
  std::vector<HeatmapPanel> panels = {};
  std::string note = {};  ///< below
  /// What the ends of the scale mean, which is drawn where numbers do not fit into the cells.
  std::string low = "0", high = "1";
  int cell = 44;  ///< pixels; smaller where a panel would be wider than `widest`
  int widest = 900;
};

/// The script of gnuplot that draws it. Names are cut to what fits; row names that neighbouring
/// panels share are written once. @throws Error if a panel has no cells, or texts or values
/// another form than its names.
std::string script_of(const Heatmap& heatmap);
/// As the bytes of a PNG, drawn by gnuplot.
/// @throws Error as script_of, and where gnuplot is missing or fails.
std::string to_png(const Heatmap& heatmap);

}  // namespace clipk::study
