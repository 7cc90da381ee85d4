#include "io/text_file.hpp"

#include <algorithm>
#include <string_view>

#include "clipk/io/utf8.hpp"
#include "io/file_kind.hpp"
#include "io/input_file.hpp"

namespace clipk::io {
namespace {

std::string hexadecimal(unsigned char byte) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  return {'0', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
}

[[noreturn]] void refuse(const InputFile& file, std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, at);
  const auto line = std::to_string(std::count(before.begin(), before.end(), '\n') + 1);
  if (text[at] == '\0') file.fail("text on line " + line, "a NUL byte");
  const std::size_t line_end = before.rfind('\n');
  const std::size_t column = line_end == before.npos ? at + 1 : at - line_end;
  file.fail("UTF-8 on line " + line, "byte " + hexadecimal(static_cast<unsigned char>(text[at])) +
                                         " at its byte " + std::to_string(column) +
                                         " (iconv -f WINDOWS-1252 -t UTF-8 converts Latin text)");
}

}  // namespace

std::string read_text(const std::filesystem::path& path, const char* what) {
  InputFile file(path, what);
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read(text.data(), text.size());
  const std::string start = text.substr(0, kKindBytes);
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    file.fail("UTF-8", "UTF-16 (iconv -f UTF-16 -t UTF-8 converts it)");
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(std::string_view(text).substr(i));
    if (length == 0 || text[i] == '\0') {
      if (const auto kind = file_kind(start)) file.fail(what, *kind);
      refuse(file, text, i);
    }
    i += length;
  }
  if (const auto kind = kind_of_text(start)) file.fail(what, *kind);
  return text;
}

}  // namespace clipk::io
