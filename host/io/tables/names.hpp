#pragma once

#include <string>
#include <string_view>
#include <vector>

// Prepares names from files for messages. Names may hold any bytes, but a message is one
// printable line.
namespace clipk::io {

/// The name, cut after 40 characters, with '?' for bytes that are not UTF-8 and characters that do
/// not print.
std::string shown(std::string_view text);

/// The same in quotes.
std::string printable(std::string_view text);

/// "FILE:MEMBER", as in options.
std::string member_name(const std::string& file, std::string_view member);

/// "a, b and 3 more", from names that are printable already.
std::string list_of(const std::vector<std::string>& items);

/// "'a', 'b' and 3 more", or "none".
std::string name_list(const std::vector<std::string>& names);

}  // namespace clipk::io
