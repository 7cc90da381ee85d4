#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// What a file is that is not what was expected, for messages. Often its first bytes tell, and then
// what it takes to convert it can be said, too.
namespace clipk::io {

/// First bytes that are enough for file_kind.
constexpr std::size_t kKindBytes = 512;

/// The kind of a file that begins so, and in brackets how to get from it to a kind that is read; as
/// "an HDF5 file (h5py reads it, numpy.save writes its arrays)". None where they do not tell.
std::optional<std::string> file_kind(std::string_view start);

/// The same of a file that is text, where it is a text of a kind that says so.
std::optional<std::string> kind_of_text(std::string_view start);

/// As file_kind, or else "text" or "other bytes".
std::string any_file_kind(std::string_view start);

}  // namespace clipk::io
