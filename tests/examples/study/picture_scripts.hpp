#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "study/pictures/heatmap.hpp"

// What the tests of pictures share: the scripts of gnuplot as boxes on a page, and odd names.
namespace clipk::study {

inline constexpr const char* kNowhere = "\xF4\x8F\xBF\xBD";  // U+10FFFD: no font has it
inline constexpr const char* kReplacement = "\uFFFD";

struct Size {
  int width = 0, height = 0;
};
/// Of a PNG, which is whole.
Size size_of(const std::string& png);

/// One label of a script: a box on the page, in pixels from the lower left.
struct Drawn {
  std::string text;
  double left = 0, right = 0, bottom = 0, top = 0;
  double points = 0;
};

struct Script {
  Size page;
  std::vector<Drawn> labels;  ///< that stand on the page, level ones and upright ones
  std::vector<std::vector<Drawn>> panels;
};

/// What a script writes on the page: the boxes that its labels take.
Script parsed(const std::string& script);
/// No text runs out of the page or over another one, and all are large enough to read.
void expect_readable(const std::string& script);

std::string name(std::size_t number, bool with_long_names);
std::vector<std::string> names_of(std::size_t count, bool with_long_names);
/// Names that are no plain text to gnuplot, to fonts or to a terminal.
const std::vector<std::string>& hostile_names();

Heatmap heatmap(const std::vector<std::string>& rows, const std::vector<std::string>& columns,
                std::size_t panels = 1);

/// How often a text has this part.
std::size_t count(const std::string& text, std::string_view part);

}  // namespace clipk::study
