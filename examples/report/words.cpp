#include "report/words.hpp"

#include <fmt/format.h>

#include <cmath>

namespace clipk::study {

std::string percent_text(double share, int digits) {
  return std::isnan(share) ? "-" : fmt::format("{:.{}f} %", 100 * share, digits);
}

std::string signed_text(double value, int digits) {
  std::string text = fmt::format("{:+.{}f}", value, digits);
  if (text.find_first_of("123456789") == std::string::npos) return text.substr(1);  // no -0.0
  return text[0] == '-' ? "\u2212" + text.substr(1) : text;
}

std::string plain_text(double value, int digits) {
  std::string text = signed_text(value, digits);
  return text[0] == '+' ? text.substr(1) : text;
}

std::string change_text(const Interval& change) {
  return fmt::format("{} points (95 % interval {} to {})", signed_text(100 * change.estimate),
                     signed_text(100 * change.low), signed_text(100 * change.high));
}

std::string few_rows_words(std::int64_t rows) {
  if (rows >= kFewRowsForReport) return "";
  return fmt::format(
      "There are only {} pairs. Everything here is a first look: most intervals are wide, and what "
      "they do not show may still be there.",
      rows);
}

std::string dimensions(std::int64_t count) {
  return fmt::format("{} dimension{}", count, count == 1 ? "" : "s");
}

void say_left_out(const std::string& reason, PageSection& section) {
  section.found.push_back("Left out: " + reason + ".");
  section.summary = "Left out: " + reason + ".";
}

}  // namespace clipk::study
