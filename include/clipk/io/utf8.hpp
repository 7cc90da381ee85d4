#pragma once

#include <cstddef>
#include <string_view>

namespace clipk {

/// The length in bytes of the first character of a text that is not empty: 1 to 4, or 0 if the text
/// does not begin with well-formed UTF-8 (Unicode, table 3-7: no overlong forms, no surrogates,
/// nothing beyond U+10FFFF).
std::size_t utf8_length(std::string_view text);

/// Whether a text is empty or consists of Unicode white space (and U+200B, U+FEFF) only.
bool is_blank(std::string_view text);

}  // namespace clipk
