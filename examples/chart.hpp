#pragma once

#include <string>
#include <vector>

namespace clipk::study {

/// One line of a chart. `low` and `high`, where given, are drawn as a shaded band behind it.
struct Series {
  std::string label = {};  ///< series of one label share a colour over all panels
  std::vector<double> x = {};
  std::vector<double> y = {};
  std::vector<double> low = {};
  std::vector<double> high = {};
};

/// A dashed level across the whole panel.
struct Level {
  std::string label = {};
  double y = 0;
};

struct Panel {
  std::string title = {};
  std::string x_label = {};
  std::string y_label = {};
  std::vector<Series> series = {};
  std::vector<Level> levels = {};
  std::vector<double> x_ticks = {};  ///< where the axis is labelled; empty: gnuplot's choice
  bool log_x = false;                ///< base 2
  bool percent_y = false;            ///< label .5 as 50 %
};

/// Panels side by side, by default on one scale of y, which begins at 0 where no value is below;
/// one legend below them.
struct Figure {
  std::string title = {};
  std::vector<Panel> panels = {};
  bool own_scales = false;  ///< every panel has its own scale of y
  int panel_width = 620;    ///< pixels
  int height = 520;
};

/// The figure as the bytes of a PNG, drawn by gnuplot.
/// @throws Error where gnuplot is missing or fails.
std::string to_png(const Figure& figure);

}  // namespace clipk::study
