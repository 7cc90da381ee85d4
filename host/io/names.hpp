#pragma once

#include <string>
#include <string_view>
#include <vector>

// Names that files give their parts, in messages. They may hold anything, but a message is one line
// that prints.
namespace clipk::io {

/// In quotes, cut at 40 bytes, anything but printable ASCII as '?'.
std::string printable(std::string_view text);

/// "FILE:MEMBER", as options name it.
std::string member_name(const std::string& file, std::string_view member);

/// "'a', 'b' and 3 more", or "none".
std::string name_list(const std::vector<std::string>& names);

}  // namespace clipk::io
