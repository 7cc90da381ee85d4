#pragma once

#include <string>
#include <string_view>

namespace clipk::study {

// Texts in pictures. gnuplot draws them as they are written, but for three traps. Labels of tics
// are formats to it ("100% cotton" has a conversion), so names never go there: they are labels of
// their own. Its own markup is off (`noenhanced`). And a character that no font here has would be
// drawn as a box many times the size of the page: it becomes U+FFFD.

/// A text on one line as a literal of gnuplot, for everything but labels of tics.
std::string literal(std::string_view text);

/// How wide a text is drawn, in pixels, at a size in points: that of DejaVu Sans, wider than most.
double text_width(std::string_view text, double points);
/// A text of at most so many pixels; one that is wider has three dots within: names that begin
/// alike often end otherwise.
std::string fitted(std::string_view text, double pixels, double points);
/// How high a line is, in pixels.
double line_height(double points);

/// Where a label stands.
struct TextPlace {
  double x = 0, y = 0;         ///< of the page: 0 to 1, from the lower left
  const char* align = "left";  ///< left, center or right
  double points = 12;
  int rotation = 0;  ///< degrees, anticlockwise
};
/// The command that draws a text there.
std::string label(std::string_view text, const TextPlace& place);

}  // namespace clipk::study
