#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/npy.hpp"

// Files of arrays: .npy, .npz, safetensors or IDX (plain or gzip), recognised by
// content, not by name.
namespace clipk {

/// The formats that array_format recognises.
enum class ArrayFormat : std::uint8_t {
  npy,          ///< one array
  npz,          ///< a zip archive of arrays
  safetensors,  ///< tensors under a header in JSON
  idx,          ///< one array, plain or gzip
};

/// The format of a file by its first bytes; none for any other file.
/// @throws Error if it cannot be read.
std::optional<ArrayFormat> array_format(const std::filesystem::path& file);

/// One array of a file that may hold several.
struct ArrayPath {
  std::filesystem::path file;  ///< as the operating system knows it
  std::string name;            ///< empty if none was given
};

/// Splits "FILE:NAME". A path without a colon, or one that is itself the name of a file, is a file
/// alone. A name may contain colons, as keys of models do: the file ends at the first colon before
/// which a file exists.
ArrayPath split_array_path(const std::filesystem::path& path);

/// One array that list_arrays found.
struct ArrayEntry {
  std::string name;                 ///< empty in a file that holds one array without a name
  std::vector<std::int64_t> shape;  ///< empty for a scalar
  std::string problem;              ///< why it cannot be read as numbers; empty where it can
};

/// The arrays of a file by their headers. This does not check an IDX file's size.
/// @throws Error if the file cannot be read or is none of these formats.
std::vector<ArrayEntry> list_arrays(const std::filesystem::path& file);

/// Reads one array of any rank and converts it as read_npy does.
/// @param path "FILE" or "FILE:NAME"; without a name the file must hold exactly one
///   array of numbers
/// @throws Error as read_npy, read_npz, read_safetensors and read_idx_images do; also if the file
/// has none of these formats, a name is missing (the message lists the names), or one is given for
/// a file that has none.
template <class T>
NpyArray<T> read_array(const std::filesystem::path& path);

/// The same for rank 2, or rank 1 as [n, 1]; axes of length 1 beyond two do not count: (n, 1, d) is
/// [n, d]. Values are not scaled.
template <class T>
Matrix<T> read_array_matrix(const std::filesystem::path& path);

/// The same for rank 1; axes of length 1 beyond one do not count.
template <class T>
std::vector<T> read_array_vector(const std::filesystem::path& path);

}  // namespace clipk
