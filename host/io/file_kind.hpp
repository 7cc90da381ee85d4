#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

// Tells for messages what an unexpected file is. Often its first bytes show the kind, and the
// message can then say how to convert it.
namespace clipk::io {

/// The number of first bytes that file_kind needs.
constexpr std::size_t kKindBytes = 512;

/// The kind of a file with these first bytes, and in brackets how to convert it to a kind that is
/// read; as "an HDF5 file (h5py reads it, numpy.save writes its arrays)". None where the bytes do
/// not show it.
std::optional<std::string> file_kind(std::string_view start);

/// The same for a text file whose first characters show its kind.
std::optional<std::string> kind_of_text(std::string_view start);

/// As file_kind, or else "text" or "other bytes".
std::string any_file_kind(std::string_view start);

}  // namespace clipk::io
