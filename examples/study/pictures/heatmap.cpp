#include "study/pictures/heatmap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "clipk/core/error.hpp"
#include "study/pictures/gnuplot.hpp"
#include "study/pictures/picture_text.hpp"

namespace clipk::study {
namespace {

// Pixels.
constexpr double kTitle = 50, kPanelTitle = 36, kGap = 46, kMargin = 22;
constexpr double kNote = 30, kScale = 40;
constexpr double kWidestPage = 2400;
constexpr double kRowName = 320, kColumnName = 220;
// Points.
constexpr double kTitleSize = 17, kPanelSize = 15, kAxisSize = 12, kNameSize = 11, kNoteSize = 11;
constexpr double kLargestNumber = 11, kSmallestNumber = 6, kSmallestName = 8;
constexpr double kSlope = .7072;  // of names that run down at 45 degrees

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
  if (panel.rows.empty() || panel.columns.empty()) {
    throw Error("heatmap: expected at least 1 cell, got none");
  }
}

double widest(const std::vector<std::string>& texts, double points) {
  double width = 0;
  for (const std::string& text : texts) width = std::max(width, text_width(text, points));
  return width;
}

// The panel as far as it is drawn: not too many lines, names that fit.
HeatmapPanel drawn(HeatmapPanel panel) {
  panel.rows.resize(std::min(panel.rows.size(), kHeatmapLines));
  panel.columns.resize(std::min(panel.columns.size(), kHeatmapLines));
  for (std::string& name : panel.rows) name = fitted(name, kRowName, kNameSize);
  for (std::string& name : panel.columns) name = fitted(name, kColumnName, kNameSize);
  return panel;
}

// What is not drawn of the panels.
std::string note_of(const Heatmap& heatmap) {
  std::size_t rows = 0, columns = 0;
  for (const HeatmapPanel& panel : heatmap.panels) {
    rows = std::max(rows, panel.rows.size());
    columns = std::max(columns, panel.columns.size());
  }
  std::string note = heatmap.note;
  const auto add = [&](std::size_t count, const char* what) {
    if (count <= kHeatmapLines) return;
    note += fmt::format("{}the first {} of {} {}", note.empty() ? "" : "; ", kHeatmapLines, count,
                        what);
  };
  add(rows, "rows");
  add(columns, "columns");
  return note;
}

// Where a panel's cells lie, in pixels from the upper left.
struct Place {
  double left = 0, top = 0, right = 0;
  bool names = false;  // of the rows, at the left
};

class HeatmapPage {
 public:
  explicit HeatmapPage(const Heatmap& heatmap) : heatmap_(heatmap), note_(note_of(heatmap)) {
    std::size_t lines = 1;
    for (const HeatmapPanel& panel : heatmap.panels) {
      check(panel);
      panels_.push_back(drawn(panel));
      lines = std::max({lines, panels_.back().rows.size(), panels_.back().columns.size()});
      if (!panel.title.empty()) panel_title_ = kPanelTitle;
    }
    cell_ = std::min(heatmap.widest / static_cast<int>(lines), heatmap.cell);
    set_number_size();
    for (const HeatmapPanel& panel : panels_) {
      column_name_ = std::max(column_name_, widest(panel.columns, kNameSize));
    }
    const double flat = kNameSize * std::min(1.0, (cell_ - 3) / column_name_);
    slanted_ = flat < kSmallestName;
    column_size_ = slanted_ ? kNameSize : flat;
    place_panels();
  }

  std::string script() const {
    std::string script = fmt::format(
        "set encoding utf8\n"
        "set terminal pngcairo noenhanced size {:.0f},{:.0f} font 'sans,12' background rgb "
        "'white'\n"
        "set border 15 linecolor rgb '#CCCCCC' linewidth 1\nunset key\nunset colorbox\n"
        "unset tics\nset multiplot\n",
        width_, height_);
    for (std::size_t p = 0; p < panels_.size(); ++p) {
      script += "unset label\nunset object\n";
      if (p == 0) script += page_script();
      script += panel_script(p);
      script += "unset colorbox\n";
    }
    return script + "unset multiplot\n";
  }

 private:
  // Cells carry numbers where the longest one fits.
  void set_number_size() {
    double points = std::clamp(cell_ / 4.0, kSmallestNumber, kLargestNumber);
    double longest = 0;
    for (const HeatmapPanel& panel : panels_) {
      for (std::size_t r = 0; r < panel.rows.size(); ++r) {
        for (std::size_t c = 0; c < panel.columns.size(); ++c) {
          longest = std::max(longest, text_width(panel.texts[r][c], points));
        }
      }
    }
    const double room = cell_ - 3;
    if (longest > room) points *= room / longest;
    numbers_ = points >= kSmallestNumber ? points : 0;
  }

  double bottom() const {  // below the cells
    const double names = slanted_ ? 22 + kSlope * column_name_ : 24;
    return names + 30;
  }

  void place_panels() {
    double x = 0, top = kTitle + panel_title_;
    std::size_t rows = 0, first = 0;
    for (std::size_t p = 0; p < panels_.size(); ++p) {
      const HeatmapPanel& panel = panels_[p];
      const double cells = cell_ * static_cast<double>(panel.columns.size());
      const double slot = std::max(cells, text_width(panel.title, kPanelSize) + 16);
      const double names = 2 * kMargin + (panel.y_label.empty() ? 0 : line_height(kAxisSize)) +
                           widest(panel.rows, kNameSize);
      const bool begins = p == first || panel.rows != panels_[p - 1].rows;
      if (p > first && x + (begins ? names : kGap) + slot > kWidestPage) {
        top += cell_ * static_cast<double>(rows) + bottom() + panel_title_;
        x = 0;
        rows = 0;
        first = p;
      }
      const bool named = p == first || panel.rows != panels_[p - 1].rows;
      const double left = x + (named ? names : kGap) + (slot - cells) / 2;
      places_.push_back({left, top, left + cells, named});
      x = left + cells + (slot - cells) / 2;
      rows = std::max(rows, panel.rows.size());
      // Slanted names reach to the right.
      double reach = x;
      for (std::size_t c = 0; slanted_ && c < panel.columns.size(); ++c) {
        reach = std::max(reach, left + cell_ * (static_cast<double>(c) + .5) +
                                    kSlope * text_width(panel.columns[c], kNameSize));
      }
      width_ = std::max(width_, reach + kMargin);
    }
    width_ = std::max({width_, 320.0, text_width(heatmap_.title, kTitleSize) + 2 * kMargin,
                       text_width(note_, kNoteSize) + 2 * kMargin});
    width_ = std::min(width_, kWidestPage + kRowName);
    height_ = top + cell_ * static_cast<double>(rows) + bottom() + (numbers_ > 0 ? 0 : kScale) +
              (note_.empty() ? 0 : kNote);
  }

  double across(double x) const { return x / width_; }
  double up(double y) const { return 1 - y / height_; }

  // Title, note and scale.
  std::string page_script() const {
    const double room = width_ - 2 * kMargin;
    std::string script =
        label(fitted(heatmap_.title, room, kTitleSize), {.5, up(26), "center", kTitleSize});
    if (!note_.empty()) {
      script += label(fitted(note_, room, kNoteSize), {.5, up(height_ - 18), "center", kNoteSize});
    }
    if (numbers_ > 0) return script;
    constexpr double kLength = 160;
    const double y = height_ - (note_.empty() ? 0 : kNote) - kScale / 2;
    const double left = (width_ - kLength) / 2;
    script += fmt::format(
        "unset cbtics\nset colorbox horizontal user origin screen {:.6f},{:.6f} size screen "
        "{:.6f},{:.6f}\n",
        across(left), up(y + 6), kLength / width_, 12 / height_);
    script += label(heatmap_.low, {across(left - 8), up(y), "right", kNoteSize});
    script += label(heatmap_.high, {across(left + kLength + 8), up(y), "left", kNoteSize});
    return script;
  }

  // Names of rows and columns, and what they are.
  std::string names_script(const HeatmapPanel& panel, const Place& place) const {
    const double low = place.top + cell_ * static_cast<double>(panel.rows.size());
    const double middle = (place.left + place.right) / 2;
    std::string script;
    const auto put = [&](std::string_view text, double x, double y, const char* align,
                         double points, int rotation = 0) {
      if (text.empty()) return;
      script += label(text, {across(x), up(y), align, points, rotation});
    };
    put(panel.title, middle, place.top - 20, "center", kPanelSize);
    for (std::size_t c = 0; c < panel.columns.size(); ++c) {
      const double x = place.left + cell_ * (static_cast<double>(c) + .5);
      if (slanted_) {
        put(panel.columns[c], x, low + 12, "left", column_size_, -45);
      } else {
        put(panel.columns[c], x, low + 14, "center", column_size_);
      }
    }
    put(fitted(panel.x_label, std::max(place.right - place.left, 300.0), kAxisSize), middle,
        low + bottom() - 20, "center", kAxisSize);
    if (!place.names) return script;
    for (std::size_t r = 0; r < panel.rows.size(); ++r) {
      put(panel.rows[r], place.left - 8, place.top + cell_ * (static_cast<double>(r) + .5), "right",
          kNameSize);
    }
    put(panel.y_label, place.left - 8 - widest(panel.rows, kNameSize) - line_height(kAxisSize),
        (place.top + low) / 2, "center", kAxisSize, 90);
    return script;
  }

  std::string panel_script(std::size_t number) const {
    const HeatmapPanel& panel = panels_[number];
    const Place& place = places_[number];
    const auto rows = static_cast<double>(panel.rows.size());
    const auto columns = static_cast<double>(panel.columns.size());
    std::string script = fmt::format("$cells{} << EOD\n", number);
    std::string numbers;
    for (std::size_t r = 0; r < panel.rows.size(); ++r) {
      for (std::size_t c = 0; c < panel.columns.size(); ++c) {
        const double value = panel.values[r][c];
        script += fmt::format("{} {} {}\n", c, r, value);
        if (numbers_ == 0 || panel.texts[r][c].empty()) continue;
        // Dark cells carry white numbers.
        numbers += fmt::format(
            "set label {} at first {},{} center font ',{:.1f}' textcolor rgb '{}' front\n",
            literal(panel.texts[r][c]), c, r, numbers_, std::abs(value) > .55 ? "#FFFFFF" : kInk);
      }
    }
    script += "EOD\n";
    script += names_script(panel, place) + numbers;
    script += panel.diverging
                  ? "set palette defined (-1 '#8E1B14', -.5 '#E39A86', 0 '#FFFFFF', .5 '#7FB3D9', "
                    "1 '#08407A')\nset cbrange [-1:1]\n"
                  : "set palette defined (0 '#FFFFFF', .25 '#CFE3F2', .5 '#7FB3D9', .75 "
                    "'#2F7FBC', 1 '#08407A')\nset cbrange [0:1]\n";
    for (std::size_t r = 0; r < std::min(panel.boxed.size(), panel.rows.size()); ++r) {
      if (panel.boxed[r] >= panel.columns.size()) continue;
      const auto column = static_cast<double>(panel.boxed[r]);
      const auto row = static_cast<double>(r);
      script += fmt::format(
          "set object rectangle from {},{} to {},{} front fillstyle empty border linecolor rgb "
          "'#E08A00' linewidth 2.5\n",
          column - .47, row - .46, column + .47, row + .46);
    }
    script += fmt::format(
        "set tmargin at screen {}\nset bmargin at screen {}\nset lmargin at screen {}\n"
        "set rmargin at screen {}\n",
        up(place.top), up(place.top + cell_ * rows), across(place.left), across(place.right));
    script += fmt::format("set xrange [-.5:{}]\nset yrange [{}:-.5]\n", columns - .5, rows - .5);
    // gnuplot's images have two rows and columns at least.
    const bool image = rows > 1 && columns > 1;
    script += fmt::format("plot $cells{} using {} notitle\n", number,
                          image ? "1:2:3 with image"
                                : "1:2:(.5):(.5):3 with boxxyerror fillstyle solid noborder "
                                  "linecolor palette");
    return script;
  }

  const Heatmap& heatmap_;
  std::string note_;
  std::vector<HeatmapPanel> panels_;
  std::vector<Place> places_;
  double cell_ = 0, panel_title_ = 0, column_name_ = 0;
  double width_ = 0, height_ = 0;  // of the page
  double numbers_ = 0;             // points; 0: none
  bool slanted_ = false;           // names of columns
  double column_size_ = kNameSize;
};

}  // namespace

std::string script_of(const Heatmap& heatmap) {
  return HeatmapPage(heatmap).script();
}

std::string to_png(const Heatmap& heatmap) {
  return run_gnuplot(script_of(heatmap));
}

}  // namespace clipk::study
