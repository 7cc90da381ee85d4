#include "study/text.hpp"

#include <locale.h>
#include <wchar.h>

#include <algorithm>
#include <sstream>
#include <utility>
#include <vector>

#include "clipk/io/utf8.hpp"

namespace clipk::study {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr char32_t kJoiner = 0x200D;  // of emoji

void append(std::string& text, char32_t character) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (character < 0x80) {
    put(character);
  } else if (character < 0x800) {
    put(0xC0 | character >> 6);
    put(0x80 | (character & 0x3F));
  } else if (character < 0x10000) {
    put(0xE0 | character >> 12);
    put(0x80 | (character >> 6 & 0x3F));
    put(0x80 | (character & 0x3F));
  } else {
    put(0xF0 | character >> 18);
    put(0x80 | (character >> 12 & 0x3F));
    put(0x80 | (character >> 6 & 0x3F));
    put(0x80 | (character & 0x3F));
  }
}

bool controls(char32_t c) {
  return c != '\n' && c != '\t' && is_control(c);
}

bool ends_line(char32_t c) {
  return c == '\n' || c == '\r' || c == '\v' || c == '\f' || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

// The words one after another, in lines of at most so many columns.
std::vector<std::string> lines_of(const std::vector<std::string>& words, std::size_t most) {
  std::vector<std::string> lines;
  for (const std::string& word : words) {
    if (lines.empty() || width(lines.back()) + 1 + width(word) > most) {
      lines.push_back(word);
    } else {
      lines.back() += ' ' + word;
    }
  }
  return lines;
}

// Columns of one character, by the tables of the C library in its locale of UTF-8.
int columns(char32_t c) {
  if (c < 0x7F) return 1;
  static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", locale_t{});
  if (locale == locale_t{}) return 1;
  const locale_t before = ::uselocale(locale);
  const int wide = ::wcwidth(static_cast<wchar_t>(c));
  ::uselocale(before);
  return wide < 0 ? 1 : wide;
}

}  // namespace

std::u32string code_points(std::string_view text) {
  std::u32string characters;
  characters.reserve(text.size());
  while (!text.empty()) {
    const Utf8Character character = utf8_character(text);
    characters += character.code;
    text.remove_prefix(character.bytes);
  }
  return characters;
}

std::string utf8(std::u32string_view characters) {
  std::string text;
  text.reserve(characters.size());
  for (const char32_t character : characters) append(text, character);
  return text;
}

std::string valid_utf8(std::string_view text) {
  return utf8(code_points(text));
}

std::string printable(std::string_view text) {
  std::u32string characters = code_points(text);
  std::replace_if(characters.begin(), characters.end(), controls, kReplacement);
  return utf8(characters);
}

std::string one_line(std::string_view text) {
  std::u32string line;
  bool between = false;  // a space stands for all of "\r\n"
  for (const char32_t c : code_points(text)) {
    const bool space = ends_line(c) || c == '\t';
    if (!space) {
      line += controls(c) ? kReplacement : c;
    } else if (!between) {
      line += ' ';
    }
    between = space;
  }
  return utf8(line);
}

std::size_t width(std::string_view text) {
  std::size_t sum = 0;
  for (const char32_t c : code_points(text)) sum += static_cast<std::size_t>(columns(c));
  return sum;
}

std::string wrapped(std::string_view text, std::size_t most) {
  std::vector<std::string> words;
  std::istringstream stream{std::string(text)};
  for (std::string word; stream >> word;) words.push_back(word);
  std::vector<std::string> best = lines_of(words, most);
  for (std::size_t narrower = most; narrower > 0; --narrower) {
    std::vector<std::string> lines = lines_of(words, narrower);
    if (lines.size() > best.size()) break;
    best = std::move(lines);
  }
  std::string joined;
  for (const std::string& line : best) joined += (joined.empty() ? "" : "\n") + line;
  return joined;
}

std::size_t whole_characters(std::u32string_view characters, std::size_t kept) {
  while (kept > 0 && kept < characters.size() &&
         (columns(characters[kept]) == 0 || characters[kept - 1] == kJoiner)) {
    --kept;
  }
  while (kept > 0 && characters[kept - 1] == ' ') --kept;
  return kept;
}

std::string shortened(std::string_view text, std::size_t most) {
  const std::u32string characters = code_points(text);
  std::size_t sum = 0, kept = 0;
  for (const char32_t c : characters) {
    sum += static_cast<std::size_t>(columns(c));
    if (sum + 3 <= most) ++kept;  // dots fit behind
  }
  if (sum <= most) return utf8(characters);
  kept = whole_characters(characters, kept);
  return utf8(std::u32string_view(characters).substr(0, kept)) + "...";
}

}  // namespace clipk::study
