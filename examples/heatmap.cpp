#include "heatmap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "clipk/core/error.hpp"
#include "gnuplot.hpp"
#include "text.hpp"

namespace clipk::study {
namespace {

constexpr double kTitle = 50, kPanelTitle = 36, kGap = 46;  // pixels
constexpr double kLetter = 7.6, kTitleLetter = 10.5;        // mean widths of letters

void check(const HeatmapPanel& panel) {
  const auto same_form = [&](const auto& table) {
    return table.size() == panel.rows.size() &&
           std::all_of(table.begin(), table.end(),
                       [&](const auto& row) { return row.size() == panel.columns.size(); });
  };
  if (!same_form(panel.values) || !same_form(panel.texts)) {
    throw Error(fmt::format("heatmap: expected {} rows of {} cells, got another form",
                            panel.rows.size(), panel.columns.size()));
  }
}

std::size_t longest(const std::vector<std::string>& texts) {
  std::size_t length = 0;
  for (const std::string& text : texts) length = std::max(length, characters(text));
  return length;
}

std::string ticks(const char* axis, const std::vector<std::string>& names, const char* style) {
  std::string script = fmt::format("set {}tics {} (", axis, style);
  for (std::size_t i = 0; i < names.size(); ++i) {
    script += fmt::format("{}{} {}", i > 0 ? ", " : "", quoted(names[i]), i);
  }
  return script + ")\n";
}

std::string panel_script(const HeatmapPanel& panel, std::size_t number, int cell) {
  std::string script = fmt::format("$cells{} << EOD\n", number);
  for (std::size_t r = 0; r < panel.rows.size(); ++r) {
    for (std::size_t c = 0; c < panel.columns.size(); ++c) {
      const double value = panel.values[r][c];
      // Dark cells carry white numbers.
      script += fmt::format("{} {} {} \"{}\" {}\n", c, r, value, panel.texts[r][c],
                            std::abs(value) > .55 ? 0xFFFFFF : 0x333333);
    }
  }
  script += "EOD\n";
  script += panel.diverging
                ? "set palette defined (-1 '#8E1B14', -.5 '#E39A86', 0 '#FFFFFF', .5 '#7FB3D9', 1 "
                  "'#08407A')\nset cbrange [-1:1]\n"
                : "set palette defined (0 '#FFFFFF', .25 '#CFE3F2', .5 '#7FB3D9', .75 '#2F7FBC', 1 "
                  "'#08407A')\nset cbrange [0:1]\n";
  script += "unset object\n";
  for (std::size_t r = 0; r < panel.boxed.size(); ++r) {
    if (panel.boxed[r] >= panel.columns.size()) continue;
    const auto column = static_cast<double>(panel.boxed[r]);
    const auto row = static_cast<double>(r);
    script += fmt::format(
        "set object rectangle from {},{} to {},{} front fillstyle empty border linecolor rgb "
        "'#E08A00' linewidth 2.5\n",
        column - .47, row - .46, column + .47, row + .46);
  }
  script += fmt::format("set title {} font ',15' offset 0,-.3\n", quoted(panel.title));
  script += fmt::format("set xrange [-.5:{}]\nset yrange [{}:-.5]\n",
                        static_cast<double>(panel.columns.size()) - .5,
                        static_cast<double>(panel.rows.size()) - .5);
  const double font = std::clamp(cell / 4.0, 6.0, 11.0);
  // gnuplot's images have two rows and columns at least.
  const bool image = panel.rows.size() > 1 && panel.columns.size() > 1;
  script += fmt::format(
      "plot $cells{0} using {2} notitle, "
      "'' using 1:2:4:5 with labels font ',{1:.1f}' textcolor rgb variable notitle\n",
      number, font,
      image ? "1:2:3 with image"
            : "1:2:(.5):(.5):3 with boxxyerror fillstyle solid linecolor palette");
  return script;
}

}  // namespace

std::string to_png(const Heatmap& heatmap) {
  std::size_t rows = 1;
  std::size_t columns = 1;
  std::size_t column_name = 0;
  for (const HeatmapPanel& panel : heatmap.panels) {
    check(panel);
    rows = std::max(rows, panel.rows.size());
    columns = std::max(columns, panel.columns.size());
    column_name = std::max(column_name, longest(panel.columns));
  }
  const int cell =
      std::clamp(heatmap.widest / static_cast<int>(std::max(rows, columns)), 9, heatmap.cell);
  double top = kTitle;
  for (const HeatmapPanel& panel : heatmap.panels) {
    if (!panel.title.empty()) top = kTitle + kPanelTitle;
  }
  const double bottom = 46 + kLetter * .75 * static_cast<double>(column_name) + 26;
  const double height = top + cell * static_cast<double>(rows) + bottom;

  struct Place {
    double left, right;
    bool names;
  };
  std::vector<Place> places;
  double x = 0;
  for (std::size_t p = 0; p < heatmap.panels.size(); ++p) {
    const HeatmapPanel& panel = heatmap.panels[p];
    const bool names = p == 0 || panel.rows != heatmap.panels[p - 1].rows;
    x += names ? 62 + kLetter * static_cast<double>(longest(panel.rows)) : kGap;
    const double right = x + cell * static_cast<double>(panel.columns.size());
    places.push_back({x, right, names});
    x = right;
  }
  const double width =
      std::max({x + 40, 320.0, kTitleLetter * static_cast<double>(characters(heatmap.title))});

  std::string script = fmt::format(
      "set encoding utf8\n"
      "set terminal pngcairo noenhanced size {:.0f},{:.0f} font 'sans,12' background rgb 'white'\n"
      "set border 15 linecolor rgb '#CCCCCC' linewidth 1\nunset key\nunset colorbox\n"
      "set tics textcolor rgb '{}' scale 0 nomirror\n"
      "set title textcolor rgb '{}'\nset xlabel textcolor rgb '{}'\nset ylabel textcolor rgb "
      "'{}'\n",
      width, height, kInk, kInk, kInk, kInk);
  script +=
      fmt::format("set multiplot layout 1,{} title {} font ',17' textcolor rgb '{}'\n",
                  std::max<std::size_t>(heatmap.panels.size(), 1), quoted(heatmap.title), kInk);
  for (std::size_t p = 0; p < heatmap.panels.size(); ++p) {
    const HeatmapPanel& panel = heatmap.panels[p];
    const double low = top + cell * static_cast<double>(panel.rows.size());
    script += fmt::format(
        "set tmargin at screen {}\nset bmargin at screen {}\nset lmargin at screen {}\n"
        "set rmargin at screen {}\n",
        1 - top / height, 1 - low / height, places[p].left / width, places[p].right / width);
    script += ticks("x", panel.columns, column_name > 3 ? "rotate by -45 left" : "norotate");
    script += places[p].names ? ticks("y", panel.rows, "") : "unset ytics\n";
    script += fmt::format("set xlabel {}\nset ylabel {}\n", quoted(panel.x_label),
                          quoted(places[p].names ? panel.y_label : ""));
    script += panel_script(panel, p, cell);
  }
  return run_gnuplot(script + "unset multiplot\n");
}

}  // namespace clipk::study
