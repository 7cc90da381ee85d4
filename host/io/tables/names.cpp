#include "io/tables/names.hpp"

#include <algorithm>

#include "clipk/io/utf8.hpp"

namespace clipk::io {
namespace {

constexpr std::size_t kMostCharacters = 40;

// Whether a message shows a character as such: none that controls, ends a line or shows nothing.
bool shows(char32_t c) {
  const bool ends_line = c == 0x2028 || c == 0x2029;
  const bool invisible = (c >= 0x200B && c <= 0x200F) || c == 0xFEFF;
  return !is_control(c) && !ends_line && !invisible;
}

}  // namespace

std::string shown(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < kMostCharacters && !text.empty(); ++i) {
    const Utf8Character character = utf8_character(text);
    result +=
        character.well_formed && shows(character.code) ? text.substr(0, character.bytes) : "?";
    text.remove_prefix(character.bytes);
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
