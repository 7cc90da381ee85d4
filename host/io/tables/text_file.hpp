#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace clipk::io {

/// Whether a text may be HTML or XML.
enum class Markup : std::uint8_t { refused, taken };

/// The text of a file, without a byte order mark. All readers of text use it, so that their results
/// are UTF-8 without NUL, which every output can hold.
/// @param what names the kind of file in messages, as "a CSV file"
/// @param markup whether the text may begin as HTML or XML does; if not, such a text is the error
/// page of a failed download
/// @throws Error that names the path, and the line where one is at fault: the file cannot be read,
/// is of another kind (by its first bytes), or holds bytes that are not UTF-8 or NUL.
std::string read_text(const std::filesystem::path& path, const char* what, Markup markup);

}  // namespace clipk::io
