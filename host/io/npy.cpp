#include "clipk/io/npy.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "clipk/core/error.hpp"
#include "clipk/io/atomic_file.hpp"
#include "clipk/io/half.hpp"
#include "io/input_file.hpp"
#include "io/npy_header.hpp"

namespace clipk {
namespace {

constexpr std::int64_t kChunk = 1 << 18;  // elements converted at a time

struct Half {
  std::uint16_t bits;
};
template <class T>
constexpr bool kIsHalf = std::is_same_v<T, Half>;

template <class T>
T byte_swapped(T value) {
  unsigned char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  std::reverse(bytes, bytes + sizeof(T));
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

// Calls f with a value of the type that a dtype stores.
template <class F>
void with_type(DType dtype, F f) {
  switch (dtype) {
    case DType::boolean:
      return f(bool{});
    case DType::int8:
      return f(std::int8_t{});
    case DType::int16:
      return f(std::int16_t{});
    case DType::int32:
      return f(std::int32_t{});
    case DType::int64:
      return f(std::int64_t{});
    case DType::uint8:
      return f(std::uint8_t{});
    case DType::uint16:
      return f(std::uint16_t{});
    case DType::uint32:
      return f(std::uint32_t{});
    case DType::uint64:
      return f(std::uint64_t{});
    case DType::float16:
      return f(Half{});
    case DType::float32:
      return f(float{});
    case DType::float64:
      return f(double{});
  }
}

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return DType::float32;
  if constexpr (std::is_same_v<T, double>) return DType::float64;
  if constexpr (std::is_same_v<T, std::int32_t>) return DType::int32;
  if constexpr (std::is_same_v<T, std::int64_t>) return DType::int64;
  if constexpr (std::is_same_v<T, std::uint8_t>) return DType::uint8;
  if constexpr (std::is_same_v<T, std::uint64_t>) return DType::uint64;
}

// The value in the type To. False where To has no such value: an integer type holds it exactly or
// not at all, a float type rounds but does not turn a finite value into an infinite one.
template <class To, class From>
bool convert(From from, To& to) {
  if constexpr (kIsHalf<From>) {
    return convert(half_to_float(from.bits), to);
  } else if constexpr (kIsHalf<To>) {
    const auto value = static_cast<double>(from);
    to.bits = double_to_half(value);
    return !std::isfinite(value) || (to.bits & 0x7C00u) != 0x7C00u;
  } else if constexpr (std::is_same_v<To, bool>) {
    to = from != From{0};
    return from == From{0} || from == From{1};
  } else if constexpr (std::is_same_v<From, bool> || std::is_same_v<From, To>) {
    to = static_cast<To>(from);
    return true;
  } else if constexpr (std::is_floating_point_v<To>) {
    to = static_cast<To>(from);
    if constexpr (std::is_same_v<From, double>) return std::isfinite(to) || !std::isfinite(from);
    return true;
  } else if constexpr (std::is_floating_point_v<From>) {
    // Powers of two bound every integer type, and they are exact in float and double.
    constexpr int kBits = std::numeric_limits<To>::digits;
    const double low = std::is_signed_v<To> ? -std::ldexp(1.0, kBits) : 0.0;
    const auto value = static_cast<double>(from);
    if (!(value >= low && value < std::ldexp(1.0, kBits)) || value != std::trunc(value)) {
      return false;
    }
    to = static_cast<To>(from);
    return true;
  } else {
    to = static_cast<To>(from);  // NOLINT(bugprone-signed-char-misuse): int8 here is a number
    return std::in_range<To>(from);
  }
}

template <class T>
std::string value_text(T value) {
  if constexpr (kIsHalf<T>) {
    return value_text(half_to_float(value.bits));
  } else {
    return std::to_string(value);
  }
}

// The file's elements in the file's order.
template <class T>
void read_elements(io::InputFile& file, const NpyHeader& header, T* out) {
  const bool swap = header.big_endian != (std::endian::native == std::endian::big);
  with_type(header.dtype, [&](auto tag) {
    using Stored = decltype(tag);
    if (std::is_same_v<Stored, T> && !swap) {
      file.read(out, static_cast<std::size_t>(header.size) * sizeof(T));
      return;
    }
    using Raw = std::conditional_t<std::is_same_v<Stored, bool>, std::uint8_t, Stored>;
    std::vector<Raw> chunk(static_cast<std::size_t>(std::min(kChunk, header.size)));
    for (std::int64_t first = 0; first < header.size; first += kChunk) {
      const auto count = static_cast<std::size_t>(std::min(kChunk, header.size - first));
      file.read(chunk.data(), count * sizeof(Raw));
      for (std::size_t i = 0; i < count; ++i) {
        const Raw raw = swap ? byte_swapped(chunk[i]) : chunk[i];
        Stored stored{};
        if constexpr (std::is_same_v<Stored, bool>) {
          stored = raw != 0;
        } else {
          stored = raw;
        }
        if (!convert(stored, out[first + static_cast<std::int64_t>(i)])) {
          file.fail(std::string("values that ") + to_string(dtype_of<T>()) + " can hold",
                    value_text(stored) + " at element " +
                        std::to_string(first + static_cast<std::int64_t>(i)));
        }
      }
    }
  });
}

// Moves elements between the two orders: out[C index] = in[Fortran index], or back.
template <class T>
void reorder(const std::vector<std::int64_t>& shape, const T* in, T* out, bool to_fortran) {
  const std::size_t rank = shape.size();
  std::vector<std::int64_t> stride(rank, 1);  // of the Fortran order
  for (std::size_t k = 1; k < rank; ++k) stride[k] = stride[k - 1] * shape[k - 1];
  std::vector<std::int64_t> index(rank, 0);
  const std::int64_t count = io::element_count(shape);
  std::int64_t fortran = 0;
  for (std::int64_t c = 0; c < count; ++c) {
    if (to_fortran) {
      out[fortran] = in[c];
    } else {
      out[c] = in[fortran];
    }
    for (std::size_t k = rank; k-- > 0;) {
      fortran += stride[k];
      if (++index[k] < shape[k]) break;
      fortran -= stride[k] * shape[k];
      index[k] = 0;
    }
  }
}

template <class T>
void read_in_c_order(io::InputFile& file, const NpyHeader& header, T* out) {
  if (!header.fortran_order || header.shape.size() < 2) return read_elements(file, header, out);
  std::vector<T> stored(static_cast<std::size_t>(header.size));
  read_elements(file, header, stored.data());
  reorder(header.shape, stored.data(), out, false);
}

// `row(i)` gives the i-th run of `run` elements in C order.
template <class T, class Row>
void write_elements(AtomicFile& file, const std::vector<std::int64_t>& shape, std::int64_t runs,
                    std::int64_t run, const NpyFormat& format, Row row) {
  const DType dtype = format.dtype.value_or(dtype_of<T>());
  file.write(io::header_bytes(dtype, format.big_endian, format.fortran_order, shape));
  const bool swap = format.big_endian != (std::endian::native == std::endian::big);
  std::vector<T> reordered;
  if (format.fortran_order && shape.size() > 1) {
    std::vector<T> packed;
    packed.reserve(static_cast<std::size_t>(runs * run));
    for (std::int64_t i = 0; i < runs; ++i) packed.insert(packed.end(), row(i), row(i) + run);
    reordered.resize(packed.size());
    reorder(shape, packed.data(), reordered.data(), true);
    run *= runs;
    runs = 1;
  }
  with_type(dtype, [&](auto tag) {
    using Stored = decltype(tag);
    using Raw = std::conditional_t<std::is_same_v<Stored, bool>, std::uint8_t, Stored>;
    std::vector<Raw> chunk(static_cast<std::size_t>(std::min(kChunk, run)));
    for (std::int64_t i = 0; i < runs; ++i) {
      const T* values = reordered.empty() ? row(i) : reordered.data();
      if (std::is_same_v<Stored, T> && !swap) {
        file.write(values, static_cast<std::size_t>(run) * sizeof(T));
        continue;
      }
      for (std::int64_t first = 0; first < run; first += kChunk) {
        const auto count = static_cast<std::size_t>(std::min(kChunk, run - first));
        for (std::size_t k = 0; k < count; ++k) {
          const T value = values[first + static_cast<std::int64_t>(k)];
          Stored stored{};
          if (!convert(value, stored)) {
            throw Error(file.path().string() + ": expected values that " + to_string(dtype) +
                        " can hold, got " + std::to_string(value));
          }
          const Raw raw = std::bit_cast<Raw>(stored);
          chunk[k] = swap ? byte_swapped(raw) : raw;
        }
        file.write(chunk.data(), count * sizeof(Raw));
      }
    }
  });
}

}  // namespace

NpyHeader read_npy_header(const std::filesystem::path& path) {
  io::InputFile file(path, "a .npy file");
  return io::read_header(file);
}

template <class T>
NpyArray<T> read_npy(const std::filesystem::path& path) {
  io::InputFile file(path, "a .npy file");
  const NpyHeader header = io::read_header(file);
  NpyArray<T> array{header.shape, std::vector<T>(static_cast<std::size_t>(header.size))};
  read_in_c_order(file, header, array.data.data());
  return array;
}

template <class T>
Matrix<T> read_npy_matrix(const std::filesystem::path& path) {
  io::InputFile file(path, "a .npy file");
  const NpyHeader header = io::read_header(file);
  if (header.shape.empty() || header.shape.size() > 2) {
    file.fail("an array of one or two dimensions", "shape " + io::shape_text(header.shape));
  }
  Matrix<T> matrix(header.shape[0], header.shape.size() == 2 ? header.shape[1] : 1);
  read_in_c_order(file, header, matrix.data());
  return matrix;
}

template <class T>
std::vector<T> read_npy_vector(const std::filesystem::path& path) {
  io::InputFile file(path, "a .npy file");
  const NpyHeader header = io::read_header(file);
  const auto& shape = header.shape;
  if (!(shape.size() == 1 || (shape.size() == 2 && (shape[0] == 1 || shape[1] == 1)))) {
    file.fail("an array of one dimension", "shape " + io::shape_text(shape));
  }
  std::vector<T> values(static_cast<std::size_t>(header.size));
  read_elements(file, header, values.data());
  return values;
}

template <class T>
void write_npy(AtomicFile& file, std::type_identity_t<MatrixView<const T>> matrix,
               const NpyFormat& format) {
  if (!matrix.empty() && matrix.device != Device::cpu) {
    throw Error(file.path().string() + ": expected a matrix on cpu to write, got one on " +
                to_string(matrix.device));
  }
  write_elements<T>(file, {matrix.rows, matrix.cols}, matrix.empty() ? 0 : matrix.rows, matrix.cols,
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
  write_elements<T>(file, array.shape, 1, size, format,
                    [&](std::int64_t) { return array.data.data(); });
  file.commit();
}

template <class T>
void write_npy(AtomicFile& file, const std::vector<T>& vector, const NpyFormat& format) {
  const auto size = static_cast<std::int64_t>(vector.size());
  write_elements<T>(file, {size}, 1, size, format, [&](std::int64_t) { return vector.data(); });
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
