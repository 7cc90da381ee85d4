#include "study/pictures/scatter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <set>
#include <utility>

#include "clipk/core/error.hpp"
#include "clipk/core/random.hpp"
#include "study/pictures/gnuplot.hpp"
#include "study/pictures/largest.hpp"
#include "study/pictures/picture_text.hpp"

namespace clipk::study {
namespace {

// Ten colours of similar weight that stay apart side by side; more are spread over the hues, and
// have marks of another form.
constexpr std::array<std::uint32_t, 10> kColours{0x0072B2, 0xE69F00, 0x009E73, 0xD81B60, 0x56B4E9,
                                                 0x8C564B, 0x7A3FB0, 0x9ACD32, 0xD55E00, 0x17BEBB};
constexpr std::array<int, 4> kForms{7, 9, 5, 13};  // disc, triangle, square, diamond
constexpr std::uint32_t kNone = 0xC8C8C8, kOther = 0x9A9A9A;
constexpr int kLegendLine = 24;  // pixels
constexpr int kTop = 80;
constexpr double kLegendSize = 12;  // points

// How a category is drawn.
struct Mark {
  std::uint32_t colour = kNone;
  int form = kForms[0];
};

Mark mark_of(std::size_t number) {
  const int form = kForms[number / kColours.size() % kForms.size()];
  if (number < kColours.size()) return {kColours[number], form};
  // Hues by the golden ratio, in two depths.
  const double hue = std::fmod(static_cast<double>(number) * std::numbers::phi, 1.0) * 6;
  const double chroma = number % 2 == 0 ? .75 : .55;
  const auto channel = [&](double offset) {
    const double k = std::fmod(offset + hue, 6);
    const double value = chroma * (1 - std::max(0.0, std::min({k, 4 - k, 1.0}))) + (1 - chroma) / 2;
    return static_cast<std::uint32_t>(std::lround(255 * value));
  };
  return {channel(5) << 16 | channel(3) << 8 | channel(1), form};
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

std::int32_t colour_number(const ScatterPanel& panel, std::size_t category) {
  return panel.colour.empty() ? static_cast<std::int32_t>(category) : panel.colour[category];
}

// The categories of a panel that have a colour, by their number.
std::vector<std::size_t> named_categories(const ScatterPanel& panel) {
  std::vector<std::int64_t> sizes(panel.names.size());
  for (const std::int32_t c : panel.category) {
    if (c >= 0) ++sizes[static_cast<std::size_t>(c)];
  }
  return largest(sizes, kScatterCategories);
}

// How every category of every panel is drawn: those of one number alike, in colours that go to the
// named ones alone.
std::vector<std::vector<Mark>> marks_of(const Scatter& scatter,
                                        const std::vector<std::vector<std::size_t>>& named) {
  std::set<std::int32_t> numbers;
  for (std::size_t p = 0; p < named.size(); ++p) {
    for (const std::size_t c : named[p]) numbers.insert(colour_number(scatter.panels[p], c));
  }
  std::vector<std::vector<Mark>> marks;
  for (std::size_t p = 0; p < named.size(); ++p) {
    marks.emplace_back(scatter.panels[p].names.size(), Mark{.colour = kOther});
    for (const std::size_t c : named[p]) {
      const auto place = numbers.find(colour_number(scatter.panels[p], c));
      marks[p][c] = mark_of(static_cast<std::size_t>(std::distance(numbers.begin(), place)));
    }
  }
  return marks;
}

struct Legend {
  std::vector<std::pair<std::string, Mark>> entries;
  int columns = 1;
  int lines() const { return (static_cast<int>(entries.size()) + columns - 1) / columns; }
};

Legend legend_of(const ScatterPanel& panel, const std::vector<std::size_t>& named,
                 const std::vector<Mark>& marks, int width) {
  constexpr double kMark = 44;                     // with the gap to the next entry
  const double room = (width - 40) / 2.0 - kMark;  // two columns at least
  Legend legend;
  for (const std::size_t c : named) {
    legend.entries.emplace_back(fitted(panel.names[c], room, kLegendSize), marks[c]);
  }
  if (const std::size_t others = panel.names.size() - named.size(); others > 0) {
    legend.entries.emplace_back(fmt::format("{} others", others), Mark{.colour = kOther});
  }
  const auto none = std::count_if(panel.category.begin(), panel.category.end(),
                                  [](std::int32_t c) { return c < 0; });
  if (none > 0) legend.entries.emplace_back(fmt::format("none ({})", none), Mark{});
  double longest = 40;
  for (const auto& [name, mark] : legend.entries) {
    longest = std::max(longest, text_width(name, kLegendSize));
  }
  legend.columns = std::max(1, static_cast<int>((width - 40) / (longest + kMark)));
  return legend;
}

std::string legend_script(const Legend& legend, double left, double width, double bottom,
                          double picture_width, double picture_height) {
  std::string script;
  const double column = (width - 40) / legend.columns;
  for (std::size_t i = 0; i < legend.entries.size(); ++i) {
    const auto& [name, mark] = legend.entries[i];
    const auto at = static_cast<int>(i);
    const double x = left + 32 + column * (at % legend.columns);
    const double y = bottom - 20 - kLegendLine * (at / legend.columns);  // NOLINT: whole lines
    script += fmt::format(
        "set label '' at screen {:.6f},{:.6f} point pointtype {} pointsize 1.5 linecolor rgb "
        "'#{:06X}' front\n",
        x / picture_width, y / picture_height, mark.form, mark.colour);
    script += label(name, {.x = (x + 14) / picture_width,
                           .y = y / picture_height,
                           .align = "left",
                           .points = kLegendSize});
  }
  return script;
}

// The square around all points, with some air: its middle and half its side.
struct Square {
  double x = 0, y = 0, half = .5;
};

Square square_around(MatrixView<const float> points) {
  double low[2] = {HUGE_VAL, HUGE_VAL}, high[2] = {-HUGE_VAL, -HUGE_VAL};
  for (std::int64_t i = 0; i < points.rows; ++i) {
    for (int axis = 0; axis < 2; ++axis) {
      const double value = points(i, axis);
      if (!std::isfinite(value)) continue;
      low[axis] = std::min(low[axis], value);
      high[axis] = std::max(high[axis], value);
    }
  }
  if (!(low[0] <= high[0] && low[1] <= high[1])) return {};
  Square square{.x = (low[0] + high[0]) / 2, .y = (low[1] + high[1]) / 2};
  for (int axis = 0; axis < 2; ++axis) {
    square.half = std::max({square.half, .52 * (high[axis] - low[axis]),
                            1e-6 * std::fabs(low[axis] + high[axis])});  // no range of rounding
  }
  return square;
}

}  // namespace

std::string script_of(const Scatter& scatter) {
  check(scatter);
  const MatrixView<const float> points = scatter.points;
  const double width = scatter.panel_width;
  std::vector<std::vector<std::size_t>> named;
  for (const ScatterPanel& panel : scatter.panels) named.push_back(named_categories(panel));
  const std::vector<std::vector<Mark>> marks = marks_of(scatter, named);
  std::vector<Legend> legends;
  int lines = 0;
  for (std::size_t p = 0; p < scatter.panels.size(); ++p) {
    legends.push_back(legend_of(scatter.panels[p], named[p], marks[p], scatter.panel_width));
    lines = std::max(lines, legends.back().lines());
  }
  const std::int64_t drawn = std::min(points.rows, kScatterPoints);
  const double note = drawn < points.rows ? 26 : 0;
  const double bottom = 30.0 + kLegendLine * lines + note;
  const double picture_width =
      width * static_cast<double>(std::max<std::size_t>(legends.size(), 1));
  const double picture_height = kTop + (width - 40) + bottom;

  std::string script = fmt::format(
      "set encoding utf8\n"
      "set terminal pngcairo noenhanced size {:.0f},{:.0f} font 'sans,12' background rgb 'white'\n"
      "set border 15 linecolor rgb '#CCCCCC' linewidth 1\n"
      "unset tics\nunset key\nset title textcolor rgb '{}'\n",
      picture_width, picture_height, kInk);
  const Square square = square_around(points);
  script += fmt::format("set xrange [{}:{}]\nset yrange [{}:{}]\n", square.x - square.half,
                        square.x + square.half, square.y - square.half, square.y + square.half);
  script += fmt::format("set multiplot layout 1,{} title {} font ',17' textcolor rgb '{}'\n",
                        std::max<std::size_t>(scatter.panels.size(), 1),
                        literal(fitted(scatter.title, picture_width - 40, 17)), kInk);
  script += fmt::format("set tmargin at screen {}\nset bmargin at screen {}\n",
                        1 - kTop / picture_height, bottom / picture_height);
  auto order = Random(0, RandomStream::drawing_order).permutation(points.rows);
  order.resize(static_cast<std::size_t>(drawn));
  const double size = std::clamp(28 / std::sqrt(static_cast<double>(drawn) + 1), .12, 1.0);
  for (std::size_t p = 0; p < scatter.panels.size(); ++p) {
    const ScatterPanel& panel = scatter.panels[p];
    script += fmt::format("$points{} << EOD\n", p);
    for (const std::int64_t i : order) {
      const std::int32_t category = panel.category[static_cast<std::size_t>(i)];
      const Mark mark = category < 0 ? Mark{} : marks[p][static_cast<std::size_t>(category)];
      if (!std::isfinite(points(i, 0)) || !std::isfinite(points(i, 1))) continue;
      script += fmt::format("{} {} {} {}\n", points(i, 0), points(i, 1), mark.form, mark.colour);
    }
    const double left = static_cast<double>(p) * width;
    script += "EOD\nunset label\n";
    script += legend_script(legends[p], left, width, bottom, picture_width, picture_height);
    if (p == 0 && note > 0) {
      script += label(fmt::format("{} of {} points, drawn by chance", drawn, points.rows),
                      {.x = .5, .y = 18 / picture_height, .align = "center", .points = 11});
    }
    script += fmt::format("set lmargin at screen {}\nset rmargin at screen {}\n",
                          (left + 20) / picture_width, (left + width - 20) / picture_width);
    script += fmt::format("set title {} font ',15' offset 0,-.3\n",
                          literal(fitted(panel.title, width - 40, 15)));
    script += fmt::format(
        "plot $points{} using 1:2:3:4 with points pointtype variable pointsize {:.3f} linecolor "
        "rgb variable\n",
        p, size);
  }
  return script + "unset multiplot\n";
}

std::string to_png(const Scatter& scatter) {
  return run_gnuplot(script_of(scatter));
}

}  // namespace clipk::study
