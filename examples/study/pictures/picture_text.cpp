#include "study/pictures/picture_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>
#include <vector>

#include "study/pictures/gnuplot.hpp"
#include "study/subprocess.hpp"
#include "study/text.hpp"

namespace clipk::study {
namespace {

constexpr double kPixelsOfPoint = 4.0 / 3;  // of the PNG terminal

// Hundredths of the font's size, from the space to the tilde.
constexpr std::array<std::uint8_t, 95> kWidths{
    32, 40, 46, 84, 64, 95, 78, 27, 39,  39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79,
    60, 79, 69, 63, 61, 73, 68, 99, 69,  61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63,
    63, 28, 28, 58, 28, 97, 63, 61, 63,  63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84};

// The characters of all fonts, as ranges; Latin ones where fontconfig cannot say.
class Fonts {
 public:
  Fonts() {
    const Ran ran = run_program({"fc-list", "--format", "%{charset}\n"});
    const char* at = ran.out.data();
    const char* const end = at + ran.out.size();
    const auto number = [&](std::uint32_t& value) {
      const auto [stopped, error] = std::from_chars(at, end, value, 16);
      at = stopped;
      return error == std::errc();
    };
    while (at < end) {  // "20-7e a0 f00-f47"
      std::uint32_t first = 0;
      if (!number(first)) {
        ++at;
        continue;
      }
      std::uint32_t last = first;
      if (at < end && *at == '-') {
        ++at;
        number(last);
      }
      ranges_.emplace_back(first, last);
    }
    if (ranges_.empty()) ranges_ = {{0x20, 0x7E}, {0xA0, 0x17F}};
    std::sort(ranges_.begin(), ranges_.end());
    // No range within another one, so that the last that begins before a character tells.
    std::vector<std::pair<std::uint32_t, std::uint32_t>> joined;
    for (const auto& range : ranges_) {
      if (joined.empty() || range.first > joined.back().second) {
        joined.push_back(range);
      } else {
        joined.back().second = std::max(joined.back().second, range.second);
      }
    }
    ranges_ = std::move(joined);
  }

  bool have(char32_t c) const {
    const auto after = std::upper_bound(ranges_.begin(), ranges_.end(),
                                        std::pair<std::uint32_t, std::uint32_t>(c, UINT32_MAX));
    return after != ranges_.begin() && c <= std::prev(after)->second;
  }

 private:
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges_;
};

// What can be drawn of a text, on one line.
std::u32string drawable(std::string_view text) {
  std::u32string characters = code_points(one_line(text));
  for (char32_t& c : characters) {
    if (c < 0x7F) continue;
    static const Fonts fonts;
    if (!fonts.have(c)) c = fonts.have(0xFFFD) ? 0xFFFD : '?';
  }
  return characters;
}

double width_of(char32_t c) {
  if (c < 0x7F) return kWidths[c - 0x20] / 100.0;
  return .8 * static_cast<double>(width(utf8({&c, 1})));
}

double width_of(std::u32string_view characters, double points) {
  double sum = 0;
  for (const char32_t c : characters) sum += width_of(c);
  return sum * points * kPixelsOfPoint;
}

}  // namespace

std::string literal(std::string_view text) {
  // In double quotes: gnuplot does not read every single quote within single ones.
  std::string result = "\"";
  for (const char c : utf8(drawable(text))) {
    if (c == '`') {
      result += "\\140";  // or what stands between two is run by the shell
      continue;
    }
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + '"';
}

double text_width(std::string_view text, double points) {
  return width_of(drawable(text), points);
}

std::string fitted(std::string_view text, double pixels, double points) {
  const std::u32string characters = drawable(text);
  if (width_of(characters, points) <= pixels) return utf8(characters);
  const double room = pixels - width_of(U"...", points);
  // From `at` in steps of 1 or -1, as many characters as have room.
  const auto count = [&](std::size_t at, int step, double share) {
    double used = 0;
    std::size_t kept = 0;
    for (; kept < characters.size(); ++kept, at += static_cast<std::size_t>(step)) {
      used += width_of(characters.substr(at, 1), points);
      if (used > share * room) break;
    }
    return kept;
  };
  const std::u32string_view all = characters;
  const std::size_t head = whole_characters(all, count(0, 1, 2.0 / 3));
  std::size_t tail = all.size() - count(all.size() - 1, -1, 1.0 / 3);
  while (tail < all.size() && whole_characters(all, tail) != tail) ++tail;
  return utf8(all.substr(0, head)) + "..." + utf8(all.substr(tail));
}

double line_height(double points) {
  return 1.25 * points * kPixelsOfPoint;
}

std::string label(std::string_view text, const TextPlace& place) {
  return fmt::format(
      "set label {} at screen {:.6f},{:.6f} {} rotate by {} font ',{:.1f}' textcolor rgb '{}' "
      "front\n",
      literal(text), place.x, place.y, place.align, place.rotation, place.points, kInk);
}

}  // namespace clipk::study
