#include "io/tables/names.hpp"

#include <algorithm>

#include "clipk/io/utf8.hpp"

namespace clipk::io {
namespace {

constexpr std::size_t kMostCharacters = 40;

// Whether a terminal shows a character as such. Control characters (C0, DEL, C1), line ends and
// characters that change the direction of text are not shown.
bool shows(std::string_view character) {
  if (character.size() == 1) return character[0] >= ' ' && character[0] != 0x7F;
  if (character.size() == 2) return character >= "\u00A0";
  const bool ends_or_turns = character >= "\u2028" && character <= "\u202E";
  const bool marks = character >= "\u200B" && character <= "\u200F";
  const bool isolates = character >= "\u2066" && character <= "\u2069";
  return !ends_or_turns && !marks && !isolates && character != "\uFEFF";
}

}  // namespace

std::string shown(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < kMostCharacters && !text.empty(); ++i) {
    const std::size_t length = utf8_length(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
    result += length > 0 && shows(character) ? character : "?";
    text.remove_prefix(character.size());
  }
  return result;
}

std::string printable(std::string_view text) {
  return "'" + shown(text) + "'";
}

std::string member_name(const std::string& file, std::string_view member) {
  return file + ":" + shown(member);
}

std::string list_of(const std::vector<std::string>& items) {
  constexpr std::size_t kMost = 10;
  std::string list;
  for (std::size_t i = 0; i < std::min(kMost, items.size()); ++i) {
    list += (i > 0 ? ", " : "") + items[i];
  }
  if (items.size() > kMost) list += " and " + std::to_string(items.size() - kMost) + " more";
  return list;
}

std::string name_list(const std::vector<std::string>& names) {
  if (names.empty()) return "none";
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(printable(name));
  return list_of(quoted);
}

}  // namespace clipk::io
