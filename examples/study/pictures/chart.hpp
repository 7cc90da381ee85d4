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

/// A dashed level across the whole panel; each label has dashes of its own. NaN is none.
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
  /// Where the axis is labelled, but for labels that would touch; empty: gnuplot's choice.
  std::vector<double> x_ticks = {};
  bool log_x = false;      ///< base 2
  bool percent_y = false;  ///< label .5 as 50 %
};

/// Panels side by side, by default on one scale of y, which begins at 0 where no value is below;
/// one legend below them.
struct Figure {
  std::string title = {};
  std::vector<Panel> panels = {};
  bool own_scales = false;  ///< every panel has its own scale of y
  int panel_width = 620;    ///< pixels
  int height = 520;         ///< with one line of legend; each further one adds to it
};

/// The script of gnuplot that draws it. Values that are not finite are left out; of long series
/// the least and the greatest value of every pixel or so are drawn.
/// @throws Error if x, y and band of a series differ in length.
std::string script_of(const Figure& figure);
/// The figure as the bytes of a PNG, drawn by gnuplot.
/// @throws Error as script_of, and where gnuplot is missing or fails.
std::string to_png(const Figure& figure);

}  // namespace clipk::study
