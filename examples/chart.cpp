#include "chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <utility>

#include "clipk/core/error.hpp"
#include "gnuplot.hpp"

namespace clipk::study {
namespace {

// Okabe and Ito's palette: told apart by colour-blind readers too.
constexpr std::array<const char*, 7> kColours{"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                              "#E69F00", "#56B4E9", "#666666"};
constexpr std::array<int, 7> kPoints{7, 5, 9, 13, 11, 15, 3};  // disc, square, triangles, diamond
constexpr const char* kLevelStyle =
    "with lines linecolor rgb '#333333' linewidth 1.6 dashtype (9,5)";

std::string line_style(std::size_t colour) {
  return fmt::format("with linespoints linecolor rgb '{}' linewidth 2.4 pointtype {} pointsize 1.1",
                     kColours[colour], kPoints[colour]);
}

std::vector<std::string> labels_of(const Figure& figure) {
  std::vector<std::string> labels;
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      if (std::find(labels.begin(), labels.end(), series.label) == labels.end()) {
        labels.push_back(series.label);
      }
    }
  }
  return labels;
}

void check(const Figure& figure) {
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      const auto n = series.x.size();
      if (series.y.size() != n || series.low.size() != series.high.size() ||
          (!series.low.empty() && series.low.size() != n)) {
        throw Error(
            fmt::format("chart: expected {} values for series '{}', got {} (band {} and {})", n,
                        series.label, series.y.size(), series.low.size(), series.high.size()));
      }
    }
  }
}

// gnuplot reads "nan" as a missing point.
void put_data(std::string& script, const std::string& name, const Series& series) {
  script += fmt::format("${} << EOD\n", name);
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    const bool band = !series.low.empty();
    script += fmt::format("{} {} {} {}\n", series.x[i], series.y[i], band ? series.low[i] : NAN,
                          band ? series.high[i] : NAN);
  }
  script += "EOD\n";
}

// From the lowest to the highest value of these panels, bands and levels included, with some air.
std::pair<double, double> y_range(std::span<const Panel> panels) {
  double low = INFINITY, high = -INFINITY;
  const auto include = [&](double y) {
    if (!std::isfinite(y)) return;
    low = std::min(low, y);
    high = std::max(high, y);
  };
  for (const Panel& panel : panels) {
    for (const Series& series : panel.series) {
      for (const auto* values : {&series.y, &series.low, &series.high}) {
        for (const double y : *values) include(y);
      }
    }
    for (const Level& level : panel.levels) include(level.y);
  }
  if (!(low <= high)) return {0, 1};
  const double air = low < high ? .05 * (high - low) : std::max(std::fabs(high), 1.0);
  return {low >= 0 ? 0 : low - air, high + air};
}

std::string panel_script(const Panel& panel, std::size_t number, std::pair<double, double> range,
                         const std::vector<std::string>& labels) {
  std::string script;
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    put_data(script, fmt::format("data{}_{}", number, i), panel.series[i]);
  }
  double x_low = INFINITY, x_high = -INFINITY;
  for (const Series& series : panel.series) {
    for (const double x : series.x) {
      x_low = std::min(x_low, x);
      x_high = std::max(x_high, x);
    }
  }
  script += panel.log_x ? "set logscale x 2\n" : "unset logscale x\n";
  if (x_low < x_high) {  // a margin, so that no point sits on the frame
    if (panel.log_x && x_low > 0) {
      const double margin = std::pow(x_high / x_low, .04);
      script += fmt::format("set xrange [{}:{}]\n", x_low / margin, x_high * margin);
    } else {
      const double margin = .04 * (x_high - x_low);
      script += fmt::format("set xrange [{}:{}]\n", x_low - margin, x_high + margin);
    }
  } else {
    script += "set xrange [*:*]\n";
  }
  const double unit = panel.percent_y ? 100 : 1;
  script += fmt::format("set yrange [{}:{}]\n", range.first * unit, range.second * unit);
  const char* percent = range.second - range.first < .06 ? "%.1f %%" : "%.0f %%";
  script += fmt::format("set format y '{}'\n", panel.percent_y ? percent : "%g");
  if (panel.x_ticks.empty()) {
    script += "set xtics autofreq\n";
  } else {
    script += "set xtics (";
    for (std::size_t i = 0; i < panel.x_ticks.size(); ++i) {
      script += fmt::format("{}'{}' {}", i > 0 ? ", " : "", panel.x_ticks[i], panel.x_ticks[i]);
    }
    script += ")\n";
  }
  script += fmt::format("set title {} font ',15' offset 0,-.3\n", quoted(panel.title));
  script +=
      fmt::format("set xlabel {}\nset ylabel {}\n", quoted(panel.x_label), quoted(panel.y_label));

  std::vector<std::string> parts;
  const auto colour_of = [&](const std::string& label) {
    const auto at = std::find(labels.begin(), labels.end(), label) - labels.begin();
    return static_cast<std::size_t>(at) % kColours.size();
  };
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    if (panel.series[i].low.empty()) continue;
    parts.push_back(
        fmt::format("$data{}_{} using 1:($3*{}):($4*{}) with filledcurves fillcolor rgb '{}' "
                    "fillstyle transparent solid .16 noborder notitle",
                    number, i, unit, unit, kColours[colour_of(panel.series[i].label)]));
  }
  for (const Level& level : panel.levels) {
    parts.push_back(fmt::format("{}*{} {} notitle", level.y, unit, kLevelStyle));
  }
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    parts.push_back(fmt::format("$data{}_{} using 1:($2*{}) {} notitle", number, i, unit,
                                line_style(colour_of(panel.series[i].label))));
  }
  script += "plot ";
  for (std::size_t i = 0; i < parts.size(); ++i) script += (i > 0 ? ", \\\n  " : "") + parts[i];
  return script + "\n";
}

// An empty plot over the whole width below the panels, for its key alone.
std::string legend_script(const Figure& figure, const std::vector<std::string>& labels) {
  std::vector<std::string> entries;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    entries.push_back(
        fmt::format("NaN {} title {}", line_style(i % kColours.size()), quoted(labels[i])));
  }
  std::vector<std::string> seen;
  for (const Panel& panel : figure.panels) {
    for (const Level& level : panel.levels) {
      if (std::find(seen.begin(), seen.end(), level.label) != seen.end()) continue;
      seen.push_back(level.label);
      entries.push_back(fmt::format("NaN {} title {}", kLevelStyle, quoted(level.label)));
    }
  }
  if (entries.empty()) return "";
  return fmt::format(
      "unset border\nunset tics\nunset grid\nunset title\nunset xlabel\nunset ylabel\n"
      "unset logscale\nset xrange [0:1]\nset yrange [0:1]\n"
      "set lmargin at screen 0\nset rmargin at screen 1\n"
      "set bmargin at screen 0\nset tmargin at screen {}\n"
      "set key center center horizontal reverse Left samplen 2 width 2 textcolor rgb '{}'\n"
      "plot {}\n",
      50.0 / figure.height, kInk, fmt::join(entries, ", "));
}

}  // namespace

std::string to_png(const Figure& figure) {
  check(figure);
  const std::vector<std::string> labels = labels_of(figure);
  const std::size_t count = std::max<std::size_t>(figure.panels.size(), 1);
  std::string script = fmt::format(
      "set encoding utf8\n"
      "set terminal pngcairo noenhanced size {},{} font 'sans,12' background rgb 'white'\n"
      "set border 3 linecolor rgb '#999999' linewidth 1\n"
      "set tics nomirror scale .6 textcolor rgb '{}'\n"
      "set grid xtics ytics linetype 1 linecolor rgb '#E6E6E6' linewidth 1\n"
      "set title textcolor rgb '{}'\nset xlabel textcolor rgb '{}'\nset ylabel textcolor rgb '{}'\n"
      "unset key\n",
      figure.panel_width * static_cast<int>(count), figure.height, kInk, kInk, kInk, kInk, kInk);
  script += fmt::format("set multiplot layout 1,{} title {} font ',17' textcolor rgb '{}'\n", count,
                        quoted(figure.title), kInk);
  // Margins in pixels, so that every panel is of one size and the legend has a strip of its own.
  const double width = static_cast<double>(figure.panel_width) * static_cast<double>(count);
  const double height = figure.height;
  script += fmt::format("set tmargin at screen {}\nset bmargin at screen {}\n", 1 - 85 / height,
                        105 / height);
  const auto common = y_range(figure.panels);
  for (std::size_t i = 0; i < figure.panels.size(); ++i) {
    const double left = static_cast<double>(i) * figure.panel_width;
    script += fmt::format("set lmargin at screen {}\nset rmargin at screen {}\n",
                          (left + 85) / width, (left + figure.panel_width - 30) / width);
    const auto range = figure.own_scales ? y_range({&figure.panels[i], 1}) : common;
    script += panel_script(figure.panels[i], i, range, labels);
  }
  script += legend_script(figure, labels) + "unset multiplot\n";
  return run_gnuplot(script);
}

}  // namespace clipk::study
