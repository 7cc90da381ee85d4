#pragma once

#include <string>
#include <string_view>
#include <vector>

// Names that files give their parts, in messages. They may hold anything, but a message is one line
// that prints.
namespace clipk::io {

/// Cut after 40 characters; in UTF-8, with '?' for what is not or does not print.
std::string shown(std::string_view text);

/// The same in quotes.
std::string printable(std::string_view text);

/// "FILE:MEMBER", as options name it.
std::string member_name(const std::string& file, std::string_view member);

/// "a, b and 3 more", of what prints already.
std::string list_of(const std::vector<std::string>& items);

/// "'a', 'b' and 3 more", or "none".
std::string name_list(const std::vector<std::string>& names);

}  // namespace clipk::io
