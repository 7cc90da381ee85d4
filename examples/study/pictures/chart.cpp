#include "study/pictures/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>

#include "clipk/core/error.hpp"
#include "study/pictures/gnuplot.hpp"
#include "study/pictures/picture_text.hpp"

namespace clipk::study {
namespace {

// Okabe and Ito's palette: told apart by colour-blind readers too.
constexpr std::array<const char*, 7> kColours{"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                              "#E69F00", "#56B4E9", "#666666"};
constexpr std::array<int, 7> kPoints{7, 5, 9, 13, 11, 15, 3};  // disc, square, triangles, diamond
constexpr std::array<const char*, 4> kDashes{"(16,8)", "(4,7)", "(24,7,4,7)", "(8,16)"};
constexpr std::array<const char*, 2> kLevelColours{"#333333", "#707070"};
constexpr std::size_t kMarkedPoints = 60;  // of a series; a longer one is a line alone
constexpr std::size_t kBuckets = 800;      // of a long series
// Pixels.
constexpr double kTop = 85, kAxis = 55, kLegendMargin = 25, kLegendLine = 22;
constexpr double kLeft = 85, kRight = 30;
// Points.
constexpr double kTitleSize = 17, kPanelSize = 15, kTextSize = 12;

// Series of one number share colour, mark and dashes; none has all of another's.
std::string line_style(std::size_t number) {
  const std::size_t round = number / kColours.size();
  std::string style =
      fmt::format("linecolor rgb '{}' linewidth 2.4", kColours[number % kColours.size()]);
  if (round > 0) style += fmt::format(" dashtype {}", kDashes[round % kDashes.size()]);
  return style;
}

std::string mark_style(std::size_t number) {
  const std::size_t round = number / kColours.size();
  return fmt::format("pointtype {} pointsize 1.1", kPoints[(number + round) % kPoints.size()]);
}

std::string level_style(std::size_t number) {
  return fmt::format("linecolor rgb '{}' linewidth 1.6 dashtype {}",
                     kLevelColours[number % kLevelColours.size()],
                     kDashes[number % kDashes.size()]);
}

std::size_t place_of(const std::string& label, const std::vector<std::string>& labels) {
  return static_cast<std::size_t>(std::find(labels.begin(), labels.end(), label) - labels.begin());
}

std::vector<std::string> labels_of(const Figure& figure) {
  std::vector<std::string> labels;
  for (const Panel& panel : figure.panels) {
    for (const Series& series : panel.series) {
      if (place_of(series.label, labels) == labels.size()) labels.push_back(series.label);
    }
  }
  return labels;
}

std::vector<std::string> levels_of(const Figure& figure) {
  std::vector<std::string> labels;
  for (const Panel& panel : figure.panels) {
    for (const Level& level : panel.levels) {
      if (place_of(level.label, labels) == labels.size()) labels.push_back(level.label);
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

// The points of a series that are drawn: all, or of a long one without a band the least and the
// greatest of every bucket.
std::vector<std::size_t> drawn_points(const Series& series) {
  const std::size_t n = series.x.size();
  std::vector<std::size_t> points;
  if (n <= 2 * kBuckets || !series.low.empty()) {
    points.resize(n);
    std::iota(points.begin(), points.end(), std::size_t{0});
    return points;
  }
  for (std::size_t b = 0; b < kBuckets; ++b) {
    const auto first = series.y.begin() + static_cast<std::ptrdiff_t>(b * n / kBuckets);
    const auto last = series.y.begin() + static_cast<std::ptrdiff_t>((b + 1) * n / kBuckets);
    auto [low, high] = std::minmax_element(first, last);
    if (low > high) std::swap(low, high);
    points.push_back(static_cast<std::size_t>(low - series.y.begin()));
    if (low != high) points.push_back(static_cast<std::size_t>(high - series.y.begin()));
  }
  return points;
}

// gnuplot reads "nan" as a missing point.
std::string number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "nan";
}

void put_data(std::string& script, const std::string& name, const Series& series) {
  script += fmt::format("${} << EOD\n", name);
  const bool band = !series.low.empty();
  for (const std::size_t i : drawn_points(series)) {
    script += fmt::format("{} {} {} {}\n", number(series.x[i]), number(series.y[i]),
                          number(band ? series.low[i] : NAN), number(band ? series.high[i] : NAN));
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
  const double air = low < high ? .05 * (high - low) : high != 0 ? .1 * std::fabs(high) : 1;
  return {low >= 0 ? 0 : low - air, high + air};
}

// With a margin, so that no point sits on the frame.
std::pair<double, double> x_range(const Panel& panel) {
  double low = INFINITY, high = -INFINITY;
  for (const Series& series : panel.series) {
    for (const double x : series.x) {
      if (!std::isfinite(x) || (panel.log_x && x <= 0)) continue;
      low = std::min(low, x);
      high = std::max(high, x);
    }
  }
  if (!(low <= high)) return {panel.log_x ? 1 : 0, 2};
  if (panel.log_x) {
    const double margin = low < high ? std::pow(high / low, .04) : 2;
    return {low / margin, high * margin};
  }
  const double margin = low < high ? .04 * (high - low) : std::max(std::fabs(high), 1.0);
  return {low - margin, high + margin};
}

// The ticks whose labels do not touch: from the right, where the large numbers are.
std::vector<double> readable_ticks(const Panel& panel, std::pair<double, double> range,
                                   double pixels) {
  const auto place = [&](double x) {
    const auto scaled = [&](double value) { return panel.log_x ? std::log2(value) : value; };
    return pixels * (scaled(x) - scaled(range.first)) /
           (scaled(range.second) - scaled(range.first));
  };
  std::vector<double> ticks;
  for (const double x : panel.x_ticks) {
    if (x >= range.first && x <= range.second) ticks.push_back(x);
  }
  std::sort(ticks.rbegin(), ticks.rend());
  std::vector<double> kept;
  double left = HUGE_VAL;  // of the last label
  for (const double x : ticks) {
    const double half = text_width(fmt::format("{}", x), kTextSize) / 2;
    if (place(x) + half + 8 > left) continue;
    kept.push_back(x);
    left = place(x) - half;
  }
  return kept;
}

struct Labels {
  std::vector<std::string> series, levels;
};

std::string panel_script(const Panel& panel, std::size_t number, std::pair<double, double> range,
                         double pixels, const Labels& labels) {
  std::string script;
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    put_data(script, fmt::format("data{}_{}", number, i), panel.series[i]);
  }
  const auto across = x_range(panel);
  script += panel.log_x ? "set logscale x 2\n" : "unset logscale x\n";
  script += fmt::format("set xrange [{}:{}]\n", across.first, across.second);
  const double unit = panel.percent_y ? 100 : 1;
  script += fmt::format("set yrange [{}:{}]\n", range.first * unit, range.second * unit);
  const char* percent = range.second - range.first < .06 ? "%.1f %%" : "%.0f %%";
  script += fmt::format("set format y '{}'\n", panel.percent_y ? percent : "%g");
  if (panel.x_ticks.empty()) {
    script += "set xtics autofreq\n";
  } else {
    std::vector<std::string> ticks;
    for (const double x : readable_ticks(panel, across, pixels)) {
      ticks.push_back(fmt::format("'{}' {}", x, x));
    }
    script += fmt::format("set xtics ({})\n", fmt::join(ticks, ", "));
  }
  script += fmt::format("set title {} font ',15' offset 0,-.3\n",
                        literal(fitted(panel.title, pixels + kLeft, kPanelSize)));
  script += fmt::format("set xlabel {}\nset ylabel {}\n",
                        literal(fitted(panel.x_label, pixels, kTextSize)),
                        literal(fitted(panel.y_label, 340, kTextSize)));

  std::vector<std::string> parts;
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    if (panel.series[i].low.empty()) continue;
    const std::size_t style = place_of(panel.series[i].label, labels.series);
    parts.push_back(
        fmt::format("$data{}_{} using 1:($3*{}):($4*{}) with filledcurves fillcolor rgb '{}' "
                    "fillstyle transparent solid .16 noborder notitle",
                    number, i, unit, unit, kColours[style % kColours.size()]));
  }
  for (const Level& level : panel.levels) {
    if (!std::isfinite(level.y)) continue;
    parts.push_back(fmt::format("{}*{} with lines {} notitle", level.y, unit,
                                level_style(place_of(level.label, labels.levels))));
  }
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    const Series& series = panel.series[i];
    const std::size_t style = place_of(series.label, labels.series);
    const bool marked = series.x.size() <= kMarkedPoints;
    parts.push_back(fmt::format("$data{}_{} using 1:($2*{}) with {} {} {} notitle", number, i, unit,
                                marked ? "linespoints" : "lines", line_style(style),
                                marked ? mark_style(style) : ""));
  }
  if (parts.empty()) parts.emplace_back("NaN notitle");
  return fmt::format("{}plot {}\n", script, fmt::join(parts, ", \\\n  "));
}

// The entries below the panels, in columns of one width.
class Legend {
 public:
  Legend(const Labels& labels, double width) {
    const double room = width - 2 * kLegendMargin;
    double longest = 0;
    const auto add = [&](const std::string& text, std::string line, std::string mark) {
      const double most = std::max(room / 2 - kSample - kSpace, 120.0);
      entries_.push_back({fitted(text, most, kTextSize), std::move(line), std::move(mark)});
      longest = std::max(longest, text_width(entries_.back().text, kTextSize));
    };
    for (std::size_t i = 0; i < labels.series.size(); ++i) {
      add(labels.series[i], line_style(i),
          fmt::format("{} linecolor rgb '{}'", mark_style(i), kColours[i % kColours.size()]));
    }
    for (std::size_t i = 0; i < labels.levels.size(); ++i) {
      add(labels.levels[i], level_style(i), "");
    }
    entry_ = kSample + longest + kSpace;
    columns_ = std::clamp<std::size_t>(static_cast<std::size_t>(room / entry_), 1,
                                       std::max<std::size_t>(entries_.size(), 1));
    left_ = (width - entry_ * static_cast<double>(columns_) + kSpace) / 2;
  }

  std::size_t lines() const { return (entries_.size() + columns_ - 1) / columns_; }

  // An empty plot for them alone.
  std::string script(double width, double height) const {
    if (entries_.empty()) return "";
    std::string script =
        "unset border\nunset tics\nunset grid\nunset title\nunset xlabel\nunset ylabel\n"
        "unset logscale\nset xrange [0:1]\nset yrange [0:1]\n";
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const double x = left_ + entry_ * static_cast<double>(i % columns_);
      const double y =
          (kLegendMargin + kLegendLine * static_cast<double>(lines() - 1 - i / columns_)) / height;
      const Entry& entry = entries_[i];
      script += fmt::format(
          "set arrow from screen {0:.6f},{1:.6f} to screen {2:.6f},{1:.6f} nohead {3}\n", x / width,
          y, (x + kSample - 10) / width, entry.line);
      if (!entry.mark.empty()) {
        script += fmt::format("set label '' at screen {:.6f},{:.6f} point {}\n",
                              (x + (kSample - 10) / 2) / width, y, entry.mark);
      }
      script += label(entry.text,
                      {.x = (x + kSample) / width, .y = y, .align = "left", .points = kTextSize});
    }
    return script + "plot NaN notitle\n";
  }

 private:
  static constexpr double kSample = 50, kSpace = 26;
  struct Entry {
    std::string text, line, mark;
  };
  std::vector<Entry> entries_;
  std::size_t columns_ = 1;
  double entry_ = 0, left_ = 0;
};

}  // namespace

std::string script_of(const Figure& figure) {
  check(figure);
  const Labels labels{labels_of(figure), levels_of(figure)};
  const std::size_t count = std::max<std::size_t>(figure.panels.size(), 1);
  const double width = static_cast<double>(figure.panel_width) * static_cast<double>(count);
  const Legend legend(labels, width);
  const double below = kLegendLine * static_cast<double>(std::max<std::size_t>(legend.lines(), 1));
  const double height = figure.height + below - kLegendLine;
  std::string script = fmt::format(
      "set encoding utf8\n"
      "set terminal pngcairo noenhanced size {:.0f},{:.0f} font 'sans,12' background rgb 'white'\n"
      "set border 3 linecolor rgb '#999999' linewidth 1\n"
      "set tics nomirror scale .6 textcolor rgb '{}'\n"
      "set grid xtics ytics linetype 1 linecolor rgb '#E6E6E6' linewidth 1\n"
      "set title textcolor rgb '{}'\nset xlabel textcolor rgb '{}'\nset ylabel textcolor rgb '{}'\n"
      "unset key\n",
      width, height, kInk, kInk, kInk, kInk);
  script += fmt::format("set multiplot layout 1,{} title {} font ',17' textcolor rgb '{}'\n", count,
                        literal(fitted(figure.title, width - 40, kTitleSize)), kInk);
  // Margins in pixels, so that every panel is of one size and the legend has a strip of its own.
  script += fmt::format("set tmargin at screen {}\nset bmargin at screen {}\n", 1 - kTop / height,
                        (kAxis + kLegendMargin + below) / height);
  const auto common = y_range(figure.panels);
  for (std::size_t i = 0; i < figure.panels.size(); ++i) {
    const double left = static_cast<double>(i) * figure.panel_width;
    script += fmt::format("set lmargin at screen {}\nset rmargin at screen {}\n",
                          (left + kLeft) / width, (left + figure.panel_width - kRight) / width);
    const auto range = figure.own_scales ? y_range({&figure.panels[i], 1}) : common;
    script += panel_script(figure.panels[i], i, range, figure.panel_width - kLeft - kRight, labels);
  }
  return script + legend.script(width, height) + "unset multiplot\n";
}

std::string to_png(const Figure& figure) {
  return run_gnuplot(script_of(figure));
}

}  // namespace clipk::study
