#include "clipk/io/npy.hpp"

#include <functional>
#include <string>

#include "clipk/core/error.hpp"
#include "clipk/io/atomic_file.hpp"
#include "io/arrays/array_source.hpp"
#include "io/arrays/elements.hpp"
#include "io/arrays/npy_header.hpp"
#include "io/input_file.hpp"

namespace clipk {
namespace {

template <class T>
void write_array(AtomicFile& file, const std::vector<std::int64_t>& shape, std::int64_t runs,
                 std::int64_t run, const NpyFormat& format,
                 const std::function<const T*(std::int64_t)>& row) {
  const DType dtype = io::stored_type<T>(format);
  if (dtype == DType::bfloat16) {
    throw Error(file.path().string() + ": expected a dtype that .npy has, got bfloat16");
  }
  file.write(io::header_bytes(dtype, format.big_endian, format.fortran_order, shape));
  io::write_elements<T>(file, shape, runs, run, format, row);
}

}  // namespace

NpyHeader read_npy_header(const std::filesystem::path& path) {
  io::InputFile file(path, "a .npy file");
  return io::read_header(file);
}

io::ArraySource io::open_npy(const std::filesystem::path& path) {
  auto file = std::make_unique<InputFile>(path, "a .npy file");
  NpyHeader header = read_header(*file);
  return {std::move(file), std::move(header)};
}

template <class T>
NpyArray<T> read_npy(const std::filesystem::path& path) {
  return io::open_npy(path).array<T>();
}

template <class T>
Matrix<T> read_npy_matrix(const std::filesystem::path& path) {
  return io::open_npy(path).matrix<T>();
}

template <class T>
std::vector<T> read_npy_vector(const std::filesystem::path& path) {
  return io::open_npy(path).vector<T>();
}

template <class T>
void write_npy(AtomicFile& file, std::type_identity_t<MatrixView<const T>> matrix,
               const NpyFormat& format) {
  if (!matrix.empty() && matrix.device != Device::cpu) {
    throw Error(file.path().string() + ": expected a matrix on cpu to write, got one on " +
                to_string(matrix.device));
  }
  write_array<T>(file, {matrix.rows, matrix.cols}, matrix.empty() ? 0 : matrix.rows, matrix.cols,
                 format, [&](std::int64_t i) { return matrix.row(i); });
}

template <class T>
void write_npy(const std::filesystem::path& path, std::type_identity_t<MatrixView<const T>> matrix,
               const NpyFormat& format) {
  AtomicFile file(path);
  write_npy<T>(file, matrix, format);
  file.commit();
}

template <class T>
void write_npy(const std::filesystem::path& path, const NpyArray<T>& array,
               const NpyFormat& format) {
  const auto size = static_cast<std::int64_t>(array.data.size());
  if (io::element_count(array.shape) != size) {
    throw Error(path.string() + ": expected data for shape " + io::shape_text(array.shape) +
                ", got " + std::to_string(size) + " elements");
  }
  AtomicFile file(path);
  write_array<T>(file, array.shape, 1, size, format,
                 [&](std::int64_t) { return array.data.data(); });
  file.commit();
}

template <class T>
void write_npy(AtomicFile& file, const std::vector<T>& vector, const NpyFormat& format) {
  const auto size = static_cast<std::int64_t>(vector.size());
  write_array<T>(file, {size}, 1, size, format, [&](std::int64_t) { return vector.data(); });
}

template <class T>
void write_npy(const std::filesystem::path& path, const std::vector<T>& vector,
               const NpyFormat& format) {
  AtomicFile file(path);
  write_npy(file, vector, format);
  file.commit();
}

#define CLIPK_INSTANTIATE_NPY(T)                                                                  \
  template NpyArray<T> read_npy<T>(const std::filesystem::path&);                                 \
  template Matrix<T> read_npy_matrix<T>(const std::filesystem::path&);                            \
  template std::vector<T> read_npy_vector<T>(const std::filesystem::path&);                       \
  template void write_npy<T>(AtomicFile&, std::type_identity_t<MatrixView<const T>>,              \
                             const NpyFormat&);                                                   \
  template void write_npy<T>(const std::filesystem::path&,                                        \
                             std::type_identity_t<MatrixView<const T>>, const NpyFormat&);        \
  template void write_npy<T>(const std::filesystem::path&, const NpyArray<T>&, const NpyFormat&); \
  template void write_npy<T>(AtomicFile&, const std::vector<T>&, const NpyFormat&);               \
  template void write_npy<T>(const std::filesystem::path&, const std::vector<T>&, const NpyFormat&);
CLIPK_INSTANTIATE_NPY(float)
CLIPK_INSTANTIATE_NPY(double)
CLIPK_INSTANTIATE_NPY(std::int32_t)
CLIPK_INSTANTIATE_NPY(std::int64_t)
CLIPK_INSTANTIATE_NPY(std::uint8_t)
CLIPK_INSTANTIATE_NPY(std::uint64_t)
#undef CLIPK_INSTANTIATE_NPY

}  // namespace clipk
