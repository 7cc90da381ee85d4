#include "text.hpp"

#include <algorithm>

#include "clipk/io/utf8.hpp"

namespace clipk::study {
namespace {

bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
}

// Characters that `keep` refuses become U+FFFD; it is given none for bytes that are no UTF-8.
template <class Keep>
std::string rewritten(std::string_view text, const Keep& keep) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, length);
    result += keep(character) ? character : std::string_view("\uFFFD");
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return result;
}

}  // namespace

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

std::string shortened(const std::string& text, std::size_t most) {
  if (characters(text) <= most) return text;
  std::size_t kept = 0;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    if (begins_character(text[end]) && ++kept > most - 3) break;
  }
  while (end > 0 && text[end - 1] == ' ') --end;
  return text.substr(0, end) + "...";
}

std::string valid_utf8(std::string_view text) {
  return rewritten(text, [](std::string_view character) { return !character.empty(); });
}

std::string printable(std::string_view text) {
  return rewritten(text, [](std::string_view character) {
    if (character.size() == 1) return character == "\n" || (character >= " " && character < "\x7F");
    // U+0080 to U+009F are the control characters of C1.
    return !character.empty() && !(character >= "\u0080" && character <= "\u009F");
  });
}

}  // namespace clipk::study
