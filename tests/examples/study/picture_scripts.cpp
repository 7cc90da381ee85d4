#include "examples/study/picture_scripts.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "study/pictures/picture_text.hpp"

namespace clipk::study {
namespace {

// The text that a quoted literal at the line's beginning stands for.
std::string unquoted(const std::string& line, std::size_t& at) {
  std::string text;
  for (++at; at < line.size() && line[at] != '"'; ++at) {
    if (line[at] == '\\') ++at;
    text += line[at];
  }
  ++at;
  return text;
}

}  // namespace

Size size_of(const std::string& png) {
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  EXPECT_EQ(png.substr(png.size() - 8, 4), "IEND");
  const auto big_endian = [&](std::size_t at) {
    int value = 0;
    for (std::size_t i = 0; i < 4; ++i)
      value = value << 8 | static_cast<unsigned char>(png[at + i]);
    return value;
  };
  return {big_endian(16), big_endian(20)};
}

Script parsed(const std::string& script) {
  Script found;
  const std::size_t size = script.find(" size ");
  std::sscanf(script.c_str() + size, " size %d,%d", &found.page.width, &found.page.height);
  found.panels.emplace_back();
  for (std::size_t at = 0; at < script.size();) {
    const std::size_t end = std::min(script.find('\n', at), script.size());
    const std::string line = script.substr(at, end - at);
    at = end + 1;
    if (line == "unset label" && !found.panels.back().empty()) found.panels.emplace_back();
    if (line.rfind("set label \"", 0) != 0) continue;
    std::size_t rest = 10;
    Drawn drawn{.text = unquoted(line, rest)};
    double x = 0, y = 0;
    char align[16] = "";
    int rotation = 0;
    if (std::sscanf(line.c_str() + rest, " at screen %lf,%lf %15s rotate by %d font ',%lf'", &x, &y,
                    align, &rotation, &drawn.points) != 5) {
      continue;
    }
    x *= found.page.width;
    y *= found.page.height;
    const double length = text_width(drawn.text, drawn.points);
    const double thick = drawn.points;  // letters without the air between lines
    const double before = align[0] == 'l' ? 0 : align[0] == 'c' ? .5 : 1;
    if (rotation == 0) {
      drawn.left = x - before * length;
      drawn.right = drawn.left + length;
      drawn.bottom = y - thick / 2;
      drawn.top = y + thick / 2;
    } else if (rotation == 90) {
      drawn.left = x - thick / 2;
      drawn.right = x + thick / 2;
      drawn.bottom = y - before * length;
      drawn.top = drawn.bottom + length;
    } else {  // down at 45 degrees: the end must be on the page
      drawn.left = x - thick / 2;
      drawn.right = x + .71 * length;
      drawn.bottom = y - .71 * length;
      drawn.top = y + thick / 2;
      EXPECT_LE(drawn.right, found.page.width) << drawn.text;
      EXPECT_GE(drawn.bottom, 0) << drawn.text;
      continue;
    }
    found.panels.back().push_back(drawn);
    found.labels.push_back(drawn);
  }
  return found;
}

void expect_readable(const std::string& script) {
  const Script found = parsed(script);
  EXPECT_LE(found.page.width, 3200);
  EXPECT_LE(found.page.height, 3000);
  for (const Drawn& label : found.labels) {
    EXPECT_GE(label.left, 0) << label.text;
    EXPECT_LE(label.right, found.page.width) << label.text;
    EXPECT_GE(label.bottom, 0) << label.text;
    EXPECT_LE(label.top, found.page.height) << label.text;
    EXPECT_GE(label.points, 6) << label.text;
  }
  for (std::size_t a = 0; a < found.labels.size(); ++a) {
    for (std::size_t b = a + 1; b < found.labels.size(); ++b) {
      const Drawn &one = found.labels[a], &other = found.labels[b];
      const bool apart = one.right <= other.left || other.right <= one.left ||
                         one.top <= other.bottom || other.top <= one.bottom;
      EXPECT_TRUE(apart) << one.text << " | " << other.text;
      if (!apart) return;
    }
  }
}

std::string name(std::size_t number, bool with_long_names) {
  return with_long_names ? "a name of a class that nobody would write on a label: number " +
                               std::to_string(number)
                         : "c" + std::to_string(number);
}

std::vector<std::string> names_of(std::size_t count, bool with_long_names) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(name(i, with_long_names));
  return names;
}

const std::vector<std::string>& hostile_names() {
  static const std::vector<std::string> kNames{
      "100% cotton shirt",
      "50% of",
      "0% worn",
      "100%",
      "%s %d %n %%",
      "it's 'quoted'",
      "'",
      "\"double\"",
      "back\\slash \\n \\",
      "two\nlines\r\nEOD\nEOD",
      "tab\tand\vmore",
      "{/Bold x} a_b^c @d &{e} ~f",
      "`echo bad` $(id) @macro",
      "# no comment",
      "",
      " ",
      std::string("nul\0inside", 10),
      "\x1b[31mred\x1b[0m \x1b]0;title\x07",
      "\x7f\u0080\u009b31m",
      "\xff\xfe bytes \xc3",
      "\u202Eright to left\u202C \u2067isolate",
      "\u6f22\u5b57 \u0e44\u0e17\u0e22 \u0939\u093f\u0928\u094d\u0926\u0940",
      "\U0001F469\u200D\U0001F469\u200D\U0001F467 \U0001F600",
      kNowhere,
      std::string(5000, 'x')};
  return kNames;
}

Heatmap heatmap(const std::vector<std::string>& rows, const std::vector<std::string>& columns,
                std::size_t panels) {
  Heatmap heatmap{.title = "Share of every class in each cluster, %"};
  for (std::size_t p = 0; p < panels; ++p) {
    HeatmapPanel panel{.title = "autoencoder",
                       .x_label = "cluster",
                       .y_label = "class",
                       .columns = columns,
                       .rows = rows};
    panel.values.assign(rows.size(), std::vector<double>(columns.size(), .7));
    panel.texts.assign(rows.size(), std::vector<std::string>(columns.size(), "100"));
    heatmap.panels.push_back(std::move(panel));
  }
  return heatmap;
}

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

}  // namespace clipk::study
