#pragma once

#include <cstddef>
#include <string_view>

namespace clipk {

/// A character of a text in UTF-8.
struct Utf8Character {
  char32_t code = 0xFFFD;    ///< U+FFFD where no well-formed UTF-8 stands
  std::size_t bytes = 1;     ///< that it takes; of one that breaks off those before the break
  bool well_formed = false;  ///< Unicode, table 3-7
};

/// The character at the front of a text.
/// @param text not empty
Utf8Character utf8_character(std::string_view text);

/// Whether a character controls what shows it, rather than being shown: C0, DEL, C1 (an escape
/// sequence could retitle, recolour or clear a terminal), and those that turn the direction of what
/// follows (U+202A to U+202E, U+2066 to U+2069).
bool is_control(char32_t character);

/// Bytes of the character at the front of a text that is not empty: 1 to 4, or 0 where no
/// well-formed UTF-8 stands (Unicode, table 3-7: no overlong forms, no surrogates, nothing beyond
/// U+10FFFF).
std::size_t utf8_length(std::string_view text);

/// Whether a text is empty or consists of Unicode white space (and U+200B, U+FEFF) only.
bool is_blank(std::string_view text);

}  // namespace clipk
