#pragma once

#include <cstddef>
#include <string_view>

namespace clipk {

/// Bytes of the character at the front of a text that is not empty: 1 to 4, or 0 where no
/// well-formed UTF-8 stands (Unicode, table 3-7: no overlong forms, no surrogates, nothing beyond
/// U+10FFFF).
std::size_t utf8_length(std::string_view text);

/// Whether a text shows nothing: empty, or white space of Unicode (and U+200B, U+FEFF) alone.
bool is_blank(std::string_view text);

}  // namespace clipk
