#include "clipk/io/utf8.hpp"

namespace clipk {

std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (text.size() < length) return 0;
  const unsigned low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return length;
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
