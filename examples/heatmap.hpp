#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace clipk::study {

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

/// Panels side by side.
struct Heatmap {
  std::string title = {};
  std::vector<HeatmapPanel> panels = {};
  int cell = 44;  ///< pixels; smaller where a panel would be wider than `widest`
  int widest = 900;
};

/// As the bytes of a PNG, drawn by gnuplot. Row labels that panels share are written once.
/// @throws Error where gnuplot is missing or fails.
std::string to_png(const Heatmap& heatmap);

}  // namespace clipk::study
