#pragma once

#include <string>
#include <vector>

#include "clipk/io/npy.hpp"
#include "io/source.hpp"

namespace clipk::io {

/// Reads and checks the header; the source then stands at the first element.
NpyHeader read_header(Source& file);

/// Magic, version, length, dictionary and padding: all bytes before the first element.
std::string header_bytes(DType dtype, bool big_endian, bool fortran_order,
                         const std::vector<std::int64_t>& shape);

/// "(2, 500, 512)", as Python writes a tuple.
std::string shape_text(const std::vector<std::int64_t>& shape);

/// The number of elements, or -1 where the product of the extents above 0 overflows. NumPy has no
/// empty array of such a shape either, and products of some of the extents then need no check.
std::int64_t element_count(const std::vector<std::int64_t>& shape);

}  // namespace clipk::io
