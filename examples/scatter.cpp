#include "scatter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "gnuplot.hpp"

namespace clipk::study {
namespace {

// Ten colours of similar weight that stay apart side by side; more are spread over the hues.
constexpr std::array<std::uint32_t, 10> kColours{0x0072B2, 0xE69F00, 0x009E73, 0xD81B60, 0x56B4E9,
                                                 0x8C564B, 0x7A3FB0, 0x9ACD32, 0xD55E00, 0x17BEBB};
constexpr std::uint32_t kNone = 0xC8C8C8;
constexpr int kLegendLine = 24;  // pixels
constexpr int kTop = 80;

std::uint32_t colour_of(std::int32_t number) {
  if (number < 0) return kNone;
  const auto n = static_cast<std::size_t>(number);
  if (n < kColours.size()) return kColours[n];
  // Hues by the golden ratio, in two depths.
  const double hue = std::fmod(static_cast<double>(n) * std::numbers::phi, 1.0) * 6;
  const double chroma = n % 2 == 0 ? .75 : .55;
  const auto channel = [&](double offset) {
    const double k = std::fmod(offset + hue, 6);
    const double value = chroma * (1 - std::max(0.0, std::min({k, 4 - k, 1.0}))) + (1 - chroma) / 2;
    return static_cast<std::uint32_t>(std::lround(255 * value));
  };
  return channel(5) << 16 | channel(3) << 8 | channel(1);
}

std::int32_t colour_number(const ScatterPanel& panel, std::int32_t category) {
  if (category < 0 || panel.colour.empty()) return category;
  return panel.colour[static_cast<std::size_t>(category)];
}

void check(const Scatter& scatter) {
  const auto n = static_cast<std::size_t>(scatter.points.rows);
  if (scatter.points.cols != 2) {
    throw Error(fmt::format("scatter: expected points of 2 columns, got {}", scatter.points.cols));
  }
  for (const ScatterPanel& panel : scatter.panels) {
    if (panel.category.size() != n) {
      throw Error(fmt::format("scatter: expected {} categories, got {}", n, panel.category.size()));
    }
    const auto names = static_cast<std::int32_t>(panel.names.size());
    for (const std::int32_t category : panel.category) {
      if (category >= names) {
        throw Error(fmt::format("scatter: expected categories below {}, got {}", names, category));
      }
    }
    if (!panel.colour.empty() && panel.colour.size() != panel.names.size()) {
      throw Error(fmt::format("scatter: expected {} colours, got {}", names, panel.colour.size()));
    }
  }
}

struct Legend {
  std::vector<std::pair<std::string, std::uint32_t>> entries;
  int columns = 1;
  int lines() const { return (static_cast<int>(entries.size()) + columns - 1) / columns; }
};

Legend legend_of(const ScatterPanel& panel, int width) {
  Legend legend;
  std::size_t longest = 4;
  for (std::size_t c = 0; c < panel.names.size(); ++c) {
    const auto category = static_cast<std::int32_t>(c);
    legend.entries.emplace_back(panel.names[c], colour_of(colour_number(panel, category)));
    longest = std::max(longest, panel.names[c].size());
  }
  const auto none = std::count_if(panel.category.begin(), panel.category.end(),
                                  [](std::int32_t c) { return c < 0; });
  if (none > 0) legend.entries.emplace_back(fmt::format("none ({})", none), kNone);
  const int entry = 44 + 8 * static_cast<int>(std::min<std::size_t>(longest, 40));
  legend.columns = std::max(1, (width - 40) / entry);
  return legend;
}

std::string legend_script(const Legend& legend, double left, double width, double bottom,
                          double picture_width, double picture_height) {
  std::string script;
  const double column = (width - 40) / legend.columns;
  for (std::size_t i = 0; i < legend.entries.size(); ++i) {
    const auto& [name, colour] = legend.entries[i];
    const auto at = static_cast<int>(i);
    const double x = left + 32 + column * (at % legend.columns);
    const double y = bottom - 20 - kLegendLine * (at / legend.columns);  // NOLINT: whole lines
    script += fmt::format(
        "set label {0} {1} at screen {2},{3} left offset 1.4,0 point pointtype 7 pointsize 1.5 "
        "linecolor rgb '#{4:06X}' textcolor rgb '{5}' font ',12' front\n",
        i + 1, quoted(name), x / picture_width, y / picture_height, colour, kInk);
  }
  return script;
}

}  // namespace

std::string to_png(const Scatter& scatter) {
  check(scatter);
  const MatrixView<const float> points = scatter.points;
  const double width = scatter.panel_width;
  std::vector<Legend> legends;
  int lines = 0;
  for (const ScatterPanel& panel : scatter.panels) {
    legends.push_back(legend_of(panel, scatter.panel_width));
    lines = std::max(lines, legends.back().lines());
  }
  const double bottom = 30.0 + kLegendLine * lines;
  const double picture_width =
      width * static_cast<double>(std::max<std::size_t>(legends.size(), 1));
  const double picture_height = kTop + (width - 40) + bottom;

  // A square around all points, with some air.
  float low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
  for (std::int64_t i = 0; i < points.rows; ++i) {
    for (int axis = 0; axis < 2; ++axis) {
      low[axis] = std::min(low[axis], points(i, axis));
      high[axis] = std::max(high[axis], points(i, axis));
    }
  }
  double half = .5;
  for (int axis = 0; axis < 2; ++axis) half = std::max(half, .52 * (high[axis] - low[axis]));

  std::string script = fmt::format(
      "set encoding utf8\n"
      "set terminal pngcairo noenhanced size {:.0f},{:.0f} font 'sans,12' background rgb 'white'\n"
      "set border 15 linecolor rgb '#CCCCCC' linewidth 1\n"
      "unset tics\nunset key\nset title textcolor rgb '{}'\n",
      picture_width, picture_height, kInk);
  script += fmt::format("set xrange [{}:{}]\nset yrange [{}:{}]\n", (low[0] + high[0]) / 2 - half,
                        (low[0] + high[0]) / 2 + half, (low[1] + high[1]) / 2 - half,
                        (low[1] + high[1]) / 2 + half);
  script +=
      fmt::format("set multiplot layout 1,{} title {} font ',17' textcolor rgb '{}'\n",
                  std::max<std::size_t>(scatter.panels.size(), 1), quoted(scatter.title), kInk);
  script += fmt::format("set tmargin at screen {}\nset bmargin at screen {}\n",
                        1 - kTop / picture_height, bottom / picture_height);
  const auto order = Random(0, RandomStream::drawing_order).permutation(points.rows);
  const double size = std::clamp(28 / std::sqrt(static_cast<double>(points.rows) + 1), .12, 1.0);
  for (std::size_t p = 0; p < scatter.panels.size(); ++p) {
    const ScatterPanel& panel = scatter.panels[p];
    script += fmt::format("$points{} << EOD\n", p);
    for (const std::int64_t i : order) {
      const std::int32_t category = panel.category[static_cast<std::size_t>(i)];
      script += fmt::format("{} {} {}\n", points(i, 0), points(i, 1),
                            colour_of(colour_number(panel, category)));
    }
    const double left = static_cast<double>(p) * width;
    script += "EOD\nunset label\n";
    script += legend_script(legends[p], left, width, bottom, picture_width, picture_height);
    script += fmt::format("set lmargin at screen {}\nset rmargin at screen {}\n",
                          (left + 20) / picture_width, (left + width - 20) / picture_width);
    script += fmt::format("set title {} font ',15' offset 0,-.3\n", quoted(panel.title));
    script += fmt::format(
        "plot $points{} using 1:2:3 with points pointtype 7 pointsize {:.3f} linecolor rgb "
        "variable\n",
        p, size);
  }
  return run_gnuplot(script + "unset multiplot\n");
}

}  // namespace clipk::study
