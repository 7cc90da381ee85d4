#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipk/core/view.hpp"

namespace clipk::study {

/// The points of a map, coloured by category.
struct ScatterPanel {
  std::string title = {};
  std::vector<std::int32_t> category = {};  ///< of every point; negative: none, drawn in grey
  std::vector<std::string> names = {};      ///< of categories 0, 1, ...
  std::vector<std::int32_t> colour = {};    ///< of each category; empty: its number
};

/// One map of points, in panels that differ in their colours, each with a legend below it.
struct Scatter {
  std::string title = {};
  MatrixView<const float> points = {};  ///< [n, 2] on the host
  std::vector<ScatterPanel> panels = {};
  int panel_width = 760;  ///< pixels
};

/// As the bytes of a PNG, drawn by gnuplot. Both axes have one scale. Points are drawn in an order
/// that does not favour a category. @throws Error where gnuplot is missing or fails.
std::string to_png(const Scatter& scatter);

}  // namespace clipk::study
