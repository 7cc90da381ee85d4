#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "clipk/core/view.hpp"

namespace clipk::study {

/// Categories of a panel that have a colour at most.
inline constexpr std::size_t kScatterCategories = 20;
/// Points that are drawn at most; of more, so many by chance.
inline constexpr std::int64_t kScatterPoints = 50'000;

/// The points of a map, coloured by category: of more than kScatterCategories the largest, the
/// others in grey.
struct ScatterPanel {
  std::string title = {};
  std::vector<std::int32_t> category = {};  ///< of every point; negative: none, drawn in grey
  std::vector<std::string> names = {};      ///< of categories 0, 1, ...
  /// Categories of one number share a colour over all panels; empty: each has its own number.
  std::vector<std::int32_t> colour = {};
};

/// One map of points, in panels that differ in their colours, each with a legend below it.
struct Scatter {
  std::string title = {};
  MatrixView<const float> points = {};  ///< [n, 2] on the host
  std::vector<ScatterPanel> panels = {};
  int panel_width = 760;  ///< pixels
};

/// The script of gnuplot that draws it. Both axes have one scale. Points are drawn in an order
/// that does not favour a category; one that is not finite is left out.
/// @throws Error if points, categories, names and colours do not fit together.
std::string script_of(const Scatter& scatter);
/// As the bytes of a PNG, drawn by gnuplot.
/// @throws Error as script_of, and where gnuplot is missing or fails.
std::string to_png(const Scatter& scatter);

}  // namespace clipk::study
