#include "clipk/io/utf8.hpp"

namespace clipk {

Utf8Character utf8_character(std::string_view text) {
  const unsigned first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {.code = first, .bytes = 1, .well_formed = true};
  if (first < 0xC2 || first > 0xF4) return {};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  // The second byte tells longer forms than needed, surrogates, and what is above U+10FFFF.
  unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  char32_t code = first & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const unsigned byte = i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
    if (byte < low || byte > high) return {.bytes = i};
    code = code << 6 | (byte & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return {.code = code, .bytes = length, .well_formed = true};
}

bool is_control(char32_t character) {
  const bool control = character < 0x20 || (character >= 0x7F && character < 0xA0);
  const bool direction =
      (character >= 0x202A && character <= 0x202E) || (character >= 0x2066 && character <= 0x2069);
  return control || direction;
}

std::size_t utf8_length(std::string_view text) {
  const Utf8Character character = utf8_character(text);
  return character.well_formed ? character.bytes : 0;
}

bool is_blank(std::string_view text) {
  // White-space characters, concatenated: in UTF-8 no character's bytes occur inside another's.
  constexpr std::string_view kBlanks =
      " \t\n\v\f\r\u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
      "\u200A\u200B\u2028\u2029\u202F\u205F\u3000\uFEFF";
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0 || kBlanks.find(text.substr(0, length)) == kBlanks.npos) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace clipk
