#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "clipk/core/matrix.hpp"

// NumPy's .npy files: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
namespace clipk {

class AtomicFile;

/// Types of an element in files.
enum class DType : std::uint8_t {
  boolean,   ///< one byte, 0 or 1
  int8,      ///< signed
  int16,     ///< signed
  int32,     ///< signed
  int64,     ///< signed
  uint8,     ///< unsigned
  uint16,    ///< unsigned
  uint32,    ///< unsigned
  uint64,    ///< unsigned
  float16,   ///< 11 significant bits
  float32,   ///< 24
  float64,   ///< 53
  bfloat16,  ///< of safetensors; .npy has none
};

/// NumPy's name of it.
const char* to_string(DType dtype);
/// Bytes of one element.
std::int64_t item_size(DType dtype);

/// The header of a .npy file.
struct NpyHeader {
  int version = 1;                  ///< of the format: 1 to 3
  DType dtype = DType::float32;     ///< of an element
  bool big_endian = false;          ///< byte order of the elements
  bool fortran_order = false;       ///< whether the first index runs fastest
  std::vector<std::int64_t> shape;  ///< empty for a scalar
  std::int64_t size = 1;            ///< elements
  std::int64_t data_offset = 0;     ///< bytes before the first element
};

/// An array of any rank, in C order whatever the order of its file.
template <class T>
struct NpyArray {
  std::vector<std::int64_t> shape;  ///< empty for a scalar
  std::vector<T> data;              ///< as many as the shape says
};

/// How to write. Without a dtype the file has that of T.
struct NpyFormat {
  std::optional<DType> dtype = std::nullopt;  ///< of an element in the file
  bool big_endian = false;                    ///< byte order of the elements
  bool fortran_order = false;                 ///< whether the first index runs fastest
};

/// Reads the header and checks it against the size of the file.
/// @throws Error that names the path, what was expected and what came: no regular file, no
/// permission, not a .npy file, a version other than 1-3, a malformed header, an object or
/// structured array, a dtype that DType lacks, a shape that overflows, missing or trailing bytes.
NpyHeader read_npy_header(const std::filesystem::path& path);

/// Reads an array of any rank and converts it to T: float, double, int32, int64, uint8 or uint64.
/// To a float type values are rounded to the nearest; a finite value beyond its range is an error.
/// To an integer type every value must be exactly representable (labels stored as 3.0 are).
/// @throws Error as read_npy_header does, and if a value does not convert.
template <class T>
NpyArray<T> read_npy(const std::filesystem::path& path);

/// The same for an array of rank 2, or of rank 1 as [n, 1]; axes of length 1 beyond two do not
/// count. Always in C order. On the host.
template <class T>
Matrix<T> read_npy_matrix(const std::filesystem::path& path);

/// The same for an array of rank 1; axes of length 1 beyond one do not count.
template <class T>
std::vector<T> read_npy_vector(const std::filesystem::path& path);

/// Writes a host matrix atomically (AtomicFile): after an error an older file is untouched.
/// A narrower dtype in `format` follows the rules of read_npy.
/// @throws Error with path and reason.
template <class T>
void write_npy(const std::filesystem::path& path, std::type_identity_t<MatrixView<const T>> matrix,
               const NpyFormat& format = {});
template <class T>
void write_npy(const std::filesystem::path& path, const Matrix<T>& matrix,
               const NpyFormat& format = {}) {
  write_npy<T>(path, matrix.view(), format);
}
/// The same into an open file, which the caller commits.
template <class T>
void write_npy(AtomicFile& file, std::type_identity_t<MatrixView<const T>> matrix,
               const NpyFormat& format = {});
/// The same for an array of any rank in C order; its data has as many elements as its shape says.
template <class T>
void write_npy(const std::filesystem::path& path, const NpyArray<T>& array,
               const NpyFormat& format = {});
/// The same for a vector, as rank 1.
template <class T>
void write_npy(const std::filesystem::path& path, const std::vector<T>& vector,
               const NpyFormat& format = {});
template <class T>
void write_npy(AtomicFile& file, const std::vector<T>& vector, const NpyFormat& format = {});

}  // namespace clipk
