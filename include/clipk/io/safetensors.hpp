#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/npy.hpp"

// Files of safetensors: https://huggingface.co/docs/safetensors. A header in JSON gives the type,
// the shape and the place of every tensor; their elements follow, little-endian, in C order.
//
// The reader does not trust the header. Before it allocates anything, it checks that the header
// lies within the file and is at most 100 MB long, that each name occurs once, that the tensors are
// as large as their shapes say, and that they fill the file to its end without gaps. It reads all
// that the reference implementation reads: "__metadata__" may be null, and other entries of a
// tensor are ignored.
namespace clipk {

class AtomicFile;

/// One tensor as the header describes it.
struct SafetensorsEntry {
  std::string name;            ///< unique in its file
  std::string type;            ///< as the file calls it: "F32", "BF16", ...
  std::optional<DType> dtype;  ///< none for what clipk does not read: 4 to 8 bit floats, complex
  std::vector<std::int64_t> shape;  ///< empty for a scalar
  std::int64_t offset = 0;          ///< of the first element from the start of the file
  std::int64_t bytes = 0;           ///< of all its elements
};

/// The header of a safetensors file.
struct SafetensorsHeader {
  std::vector<SafetensorsEntry> tensors;        ///< by ascending offset
  std::map<std::string, std::string> metadata;  ///< free texts, which readers need not know
};

/// @throws Error that names the path, what was expected and what came: no regular file, a header
/// that is cut short, too long, not JSON, has another form, or lies (see above).
SafetensorsHeader read_safetensors_header(const std::filesystem::path& path);

/// Reads one tensor of any rank and converts it as read_npy does.
/// @throws Error as read_safetensors_header does, messages of the tensor begin with "PATH:NAME:
/// expected"; also if there is none of that name (the message lists the names), it has a type that
/// clipk does not read, or a value does not convert.
template <class T>
NpyArray<T> read_safetensors(const std::filesystem::path& path, const std::string& name);

/// The same as read_npy_matrix.
template <class T>
Matrix<T> read_safetensors_matrix(const std::filesystem::path& path, const std::string& name);

/// The same as read_npy_vector.
template <class T>
std::vector<T> read_safetensors_vector(const std::filesystem::path& path, const std::string& name);

/// A host matrix or vector to write.
struct SafetensorsTensor {
  std::string name;  ///< unique among those written together
  std::variant<MatrixView<const float>, MatrixView<const double>, std::span<const std::int32_t>,
               std::span<const std::int64_t>>
      /// on the host
      values;
  /// Another type than that of the values; the rules are those of write_npy.
  std::optional<DType> dtype = std::nullopt;
};

/// Writes tensors atomically (AtomicFile), in the order of the reference implementation: wide types
/// first, then by name.
/// @throws Error with path and reason: names that come twice, are not UTF-8 or "__metadata__",
/// metadata that is not UTF-8, values on another device or that the type cannot hold, a full disk.
void write_safetensors(const std::filesystem::path& path,
                       const std::vector<SafetensorsTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});
/// The same into an open file, which the caller commits.
void write_safetensors(AtomicFile& file, const std::vector<SafetensorsTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace clipk
