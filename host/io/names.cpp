#include "io/names.hpp"

#include <algorithm>

namespace clipk::io {
namespace {

std::string shortened(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, 40)) result += c < ' ' || c > '~' ? '?' : c;
  return result;
}

}  // namespace

std::string printable(std::string_view text) {
  return "'" + shortened(text) + "'";
}

std::string member_name(const std::string& file, std::string_view member) {
  return file + ":" + shortened(member);
}

std::string name_list(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 10;
  if (names.empty()) return "none";
  std::string list;
  for (std::size_t i = 0; i < std::min(kMost, names.size()); ++i) {
    list += (i > 0 ? ", " : "") + printable(names[i]);
  }
  if (names.size() > kMost) list += " and " + std::to_string(names.size() - kMost) + " more";
  return list;
}

}  // namespace clipk::io
