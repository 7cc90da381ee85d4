#include "io/arrays/elements.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "clipk/core/error.hpp"
#include "clipk/io/atomic_file.hpp"
#include "clipk/io/half.hpp"
#include "io/arrays/npy_header.hpp"

namespace clipk::io {
namespace {

constexpr std::int64_t kChunk = 1 << 18;  // elements converted at a time

struct Half {
  std::uint16_t bits;
};
struct BFloat16 {
  std::uint16_t bits;
};
float widened(Half half) {
  return half_to_float(half.bits);
}
float widened(BFloat16 value) {
  return bfloat16_to_float(value.bits);
}
template <class T>
constexpr bool kIs16Bit = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;

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
    case DType::bfloat16:
      return f(BFloat16{});
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

// Converts to the type To. False where To cannot hold the value: an integer type must hold it
// exactly, a float type rounds but does not turn a finite value into an infinite one.
template <class To, class From>
bool convert(From from, To& to) {
  if constexpr (kIs16Bit<From>) {
    return convert(widened(from), to);
  } else if constexpr (kIs16Bit<To>) {
    const auto value = static_cast<double>(from);
    to.bits = std::is_same_v<To, Half> ? double_to_half(value) : double_to_bfloat16(value);
    return !std::isfinite(value) || std::isfinite(widened(to));
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
  if constexpr (kIs16Bit<T>) {
    return value_text(widened(value));
  } else {
    return std::to_string(value);
  }
}

// The whole array, in the file's order.
template <class T>
void read_elements(Source& file, const NpyHeader& header, T* out) {
  read_next(file, header, 0, header.size, out);
}

// Moves elements between the two orders: out[C index] = in[Fortran index], or back.
template <class T>
void reorder(const std::vector<std::int64_t>& shape, const T* in, T* out, bool to_fortran) {
  const std::int64_t count = element_count(shape);
  if (count == 0) return;  // strides are products of extents above 0, which overflow nowhere
  const std::size_t rank = shape.size();
  std::vector<std::int64_t> stride(rank, 1);  // in Fortran order
  for (std::size_t k = 1; k < rank; ++k) stride[k] = stride[k - 1] * shape[k - 1];
  std::vector<std::int64_t> index(rank, 0);
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
void read_in_c_order(Source& file, const NpyHeader& header, T* out) {
  if (!header.fortran_order || header.shape.size() < 2) return read_elements(file, header, out);
  std::vector<T> stored(static_cast<std::size_t>(header.size));
  read_elements(file, header, stored.data());
  reorder(header.shape, stored.data(), out, false);
}

}  // namespace

template <class T>
void read_next(Source& source, const NpyHeader& header, std::int64_t done, std::int64_t count,
               T* out) {
  const bool swap = header.big_endian != (std::endian::native == std::endian::big);
  with_type(header.dtype, [&](auto tag) {
    using Stored = decltype(tag);
    if (std::is_same_v<Stored, T> && !swap) {
      source.read(out, static_cast<std::size_t>(count) * sizeof(T));
      return;
    }
    using Raw = std::conditional_t<std::is_same_v<Stored, bool>, std::uint8_t, Stored>;
    std::vector<Raw> chunk(static_cast<std::size_t>(std::min(kChunk, count)));
    for (std::int64_t first = 0; first < count; first += kChunk) {
      const auto some = static_cast<std::size_t>(std::min(kChunk, count - first));
      source.read(chunk.data(), some * sizeof(Raw));
      for (std::size_t i = 0; i < some; ++i) {
        const Raw raw = swap ? byte_swapped(chunk[i]) : chunk[i];
        Stored stored{};
        if constexpr (std::is_same_v<Stored, bool>) {
          stored = raw != 0;
        } else {
          stored = raw;
        }
        const std::int64_t at = first + static_cast<std::int64_t>(i);
        if (!convert(stored, out[at])) {
          source.fail(std::string("values that ") + to_string(dtype_of<T>()) + " can hold",
                      value_text(stored) + " at element " + std::to_string(done + at));
        }
      }
    }
  });
}

template <class T>
DType stored_type(const NpyFormat& format) {
  return format.dtype.value_or(dtype_of<T>());
}

template <class T>
NpyArray<T> read_array(Source& source, const NpyHeader& header) {
  NpyArray<T> array{header.shape, std::vector<T>(static_cast<std::size_t>(header.size))};
  read_in_c_order(source, header, array.data.data());
  source.finish();
  return array;
}

template <class T>
Matrix<T> read_matrix(Source& source, const NpyHeader& header) {
  const std::vector<std::int64_t> shape = matrix_shape(header.shape);
  if (shape.empty() || shape.size() > 2) {
    source.fail("an array of one or two dimensions", "shape " + shape_text(header.shape));
  }
  Matrix<T> matrix(shape[0], shape.size() == 2 ? shape[1] : 1);
  read_in_c_order(source, header, matrix.data());
  source.finish();
  return matrix;
}

template <class T>
std::vector<T> read_vector(Source& source, const NpyHeader& header) {
  const auto& shape = header.shape;
  const auto long_axes = std::count_if(shape.begin(), shape.end(), [](auto n) { return n != 1; });
  if (shape.empty() || long_axes > 1) {
    source.fail("an array of one dimension", "shape " + shape_text(shape));
  }
  std::vector<T> values(static_cast<std::size_t>(header.size));
  read_elements(source, header, values.data());
  source.finish();
  return values;
}

std::vector<std::int64_t> matrix_shape(std::vector<std::int64_t> shape) {
  while (shape.size() > 2) {
    const auto one = std::find(shape.begin(), shape.end(), 1);
    if (one == shape.end()) break;
    shape.erase(one);
  }
  return shape;
}

Matrix<float> read_rows(Source& source, const NpyHeader& header) {
  // A single image is one row; any other array (1, n, d) is one set of n rows.
  const bool bytes = header.dtype == DType::uint8;
  const std::vector<std::int64_t> shape = bytes ? header.shape : matrix_shape(header.shape);
  if (shape.empty() || header.size == 0) {
    source.fail("at least 1 row and 1 column", "shape " + shape_text(header.shape));
  }
  Matrix<float> rows(shape[0], header.size / shape[0]);
  read_in_c_order(source, header, rows.data());
  source.finish();
  if (bytes) {
    for (float& value : rows.flat()) value /= 255.0F;
  }
  return rows;
}

template <class T>
void write_elements(AtomicFile& file, const std::vector<std::int64_t>& shape, std::int64_t runs,
                    std::int64_t run, const NpyFormat& format,
                    const std::function<const T*(std::int64_t)>& row) {
  const DType dtype = stored_type<T>(format);
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

#define CLIPK_INSTANTIATE_ELEMENTS(T)                                                          \
  template void read_next<T>(Source&, const NpyHeader&, std::int64_t, std::int64_t, T*);       \
  template DType stored_type<T>(const NpyFormat&);                                             \
  template NpyArray<T> read_array<T>(Source&, const NpyHeader&);                               \
  template Matrix<T> read_matrix<T>(Source&, const NpyHeader&);                                \
  template std::vector<T> read_vector<T>(Source&, const NpyHeader&);                           \
  template void write_elements<T>(AtomicFile&, const std::vector<std::int64_t>&, std::int64_t, \
                                  std::int64_t, const NpyFormat&,                              \
                                  const std::function<const T*(std::int64_t)>&);
CLIPK_INSTANTIATE_ELEMENTS(float)
CLIPK_INSTANTIATE_ELEMENTS(double)
CLIPK_INSTANTIATE_ELEMENTS(std::int32_t)
CLIPK_INSTANTIATE_ELEMENTS(std::int64_t)
CLIPK_INSTANTIATE_ELEMENTS(std::uint8_t)
CLIPK_INSTANTIATE_ELEMENTS(std::uint64_t)
#undef CLIPK_INSTANTIATE_ELEMENTS

}  // namespace clipk::io
