#pragma once

#include <filesystem>
#include <string>

namespace clipk::io {

/// The text of a file, without a byte order mark. All readers of text go through it, so that what
/// they hand on is UTF-8 without NUL, which every output can hold.
/// @param what names the kind of file in messages, as "a CSV file"
/// @throws Error that names the path, and the line where one is at fault: the file cannot be read,
/// is of another kind (which its first bytes tell), or holds bytes that are not UTF-8 or NUL.
std::string read_text(const std::filesystem::path& path, const char* what);

}  // namespace clipk::io
