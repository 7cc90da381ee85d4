#include "io/tables/text_file.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include "clipk/io/utf8.hpp"
#include "io/file_kind.hpp"
#include "io/input_file.hpp"

namespace clipk::io {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

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

// A byte order mark may precede it.
bool begins_with_markup(std::string_view start) {
  if (start.starts_with(kByteOrderMark)) start.remove_prefix(kByteOrderMark.size());
  const std::size_t first = start.find_first_not_of(" \t\r\n");
  return first != start.npos && start[first] == '<';
}

}  // namespace

std::string read_text(const std::filesystem::path& path, const char* what, Markup markup) {
  InputFile file(path, what);
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read(text.data(), text.size());
  const std::string start = text.substr(0, kKindBytes);
  const bool any_kind = markup == Markup::taken && begins_with_markup(start);
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    file.fail("UTF-8", "UTF-16 (iconv -f UTF-16 -t UTF-8 converts it)");
  }
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(std::string_view(text).substr(i));
    if (length == 0 || text[i] == '\0') {
      const auto kind = any_kind ? std::nullopt : file_kind(start);
      if (kind) file.fail(what, *kind);
      refuse(file, text, i);
    }
    i += length;
  }
  const auto kind = any_kind ? std::nullopt : kind_of_text(start);
  if (kind) file.fail(what, *kind);
  return text;
}

}  // namespace clipk::io
