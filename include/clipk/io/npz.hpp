#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/npy.hpp"

// NumPy's .npz files: zip archives (zip64 too) of .npy files, stored (savez) or
// deflated (savez_compressed).
//
// The reader does not trust the sizes in an archive. Before it reads or allocates anything, it
// checks that the size that a member claims equals the size in its .npy header, that the packed
// bytes can expand to that size, and that they lie within the file. A member of more than 64 MiB
// that claims to be packed to less than 1/200 is refused if it would not fit into the free memory,
// and so are members that share bytes. The checksum of the data is compared.
namespace clipk {

/// One member of an archive.
struct NpzEntry {
  std::string name;                 ///< without its ".npy", as NumPy's keys
  std::optional<NpyHeader> header;  ///< none if it cannot be read as an array of numbers
  std::string problem;              ///< why not, as an Error would say it
};

/// The members of an archive, in its order. Members that are not called NAME.npy are left out.
/// @throws Error that names the path: no regular file, not a zip archive, one of another program's
/// (PyTorch, Excel, Keras), two members of one name, members that share bytes.
std::vector<NpzEntry> list_npz(const std::filesystem::path& path);

/// Reads one array as read_npy does.
/// @throws Error as list_npz and read_npy do, messages begin with "PATH:NAME: expected"; also if
/// there is no array of that name (the message lists the names), it is encrypted or packed by a
/// method other than deflate, or its sizes or its checksum do not match its data.
template <class T>
NpyArray<T> read_npz(const std::filesystem::path& path, const std::string& name);

/// The same as read_npy_matrix.
template <class T>
Matrix<T> read_npz_matrix(const std::filesystem::path& path, const std::string& name);

/// The same as read_npy_vector.
template <class T>
std::vector<T> read_npz_vector(const std::filesystem::path& path, const std::string& name);

}  // namespace clipk
