#include "text.hpp"

#include <algorithm>

namespace clipk::study {
namespace {

bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
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

}  // namespace clipk::study
