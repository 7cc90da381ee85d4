#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/npy.hpp"

// Arrays as people have them: .npy, .npz, safetensors or IDX (plain or gzip), told apart by
// content, not by name.
namespace clipk {

/// What array_format tells apart.
enum class ArrayFormat : std::uint8_t {
  npy,          ///< one array
  npz,          ///< a zip archive of arrays
  safetensors,  ///< tensors under a header in JSON
  idx,          ///< one array, plain or gzip
};

/// What a file is by its first bytes; none for anything else.
/// @throws Error if it cannot be read.
std::optional<ArrayFormat> array_format(const std::filesystem::path& file);

/// One array of a file that may hold several.
struct ArrayPath {
  std::filesystem::path file;  ///< as the operating system knows it
  std::string name;            ///< empty: not said
};

/// Reads "FILE:NAME". Without a colon, or where a file is called so with the colon, it is a file
/// alone. A name may have colons, as keys of models do: the file ends at the first colon before
/// which a file exists.
ArrayPath split_array_path(const std::filesystem::path& path);

/// One array that list_arrays found.
struct ArrayEntry {
  std::string name;                 ///< empty in a file that holds one array without a name
  std::vector<std::int64_t> shape;  ///< empty for a scalar
  std::string problem;              ///< why it cannot be read as numbers; empty where it can
};

/// The arrays of a file by their headers. An IDX file's size may be wrong for all that.
/// @throws Error if the file cannot be read or is none of these formats.
std::vector<ArrayEntry> list_arrays(const std::filesystem::path& file);

/// Reads one array of any rank and converts it as read_npy does.
/// @param path "FILE" or "FILE:NAME"; without a name the file holds one array of numbers alone
/// @throws Error as read_npy, read_npz, read_safetensors and read_idx_images do; also where the
/// file is of none of these formats, a name is missing (the message lists those there are), or is
/// given for a file that has none.
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
