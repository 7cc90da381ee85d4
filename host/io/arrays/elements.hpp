#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/npy.hpp"
#include "io/source.hpp"

namespace clipk {
class AtomicFile;
}

// Converts elements of arrays between files and memory: byte order, type and order of the axes.
// Only these and the shape are used of the header; the source stands at the first element.
namespace clipk::io {

/// The next elements in the order of the file, converted as read_npy says.
/// @param done how many were read before, for messages
template <class T>
void read_next(Source& source, const NpyHeader& header, std::int64_t done, std::int64_t count,
               T* out);
/// All elements, in C order, converted as read_npy says. The source is then at its end.
template <class T>
NpyArray<T> read_array(Source& source, const NpyHeader& header);
/// The same for rank 2, or rank 1 as [n, 1]. Axes of length 1 beyond two do not count.
template <class T>
Matrix<T> read_matrix(Source& source, const NpyHeader& header);
/// The same for rank 1. Axes of length 1 beyond one do not count.
template <class T>
std::vector<T> read_vector(Source& source, const NpyHeader& header);
/// The same for any rank, as clipk::read_features takes it: one row for each index of the first
/// axis, bytes (uint8) divided by 255.
Matrix<float> read_rows(Source& source, const NpyHeader& header);

/// A shape without its axes of length 1, as long as two are left: (n, 1, d) is (n, d).
std::vector<std::int64_t> matrix_shape(std::vector<std::int64_t> shape);

/// The type as which elements of type T are written.
template <class T>
DType stored_type(const NpyFormat& format);

/// @param row(i) is the i-th run of `run` elements in C order; there are `runs`
template <class T>
void write_elements(AtomicFile& file, const std::vector<std::int64_t>& shape, std::int64_t runs,
                    std::int64_t run, const NpyFormat& format,
                    const std::function<const T*(std::int64_t)>& row);

}  // namespace clipk::io
