#pragma once

#include "clipk/core/matrix.hpp"

namespace clipk::bench {

/// Rows [n, d] like those of images: twelve overlapping classes that vary in 16 directions, with
/// the values below zero cut off. bench/reference/reference.py makes the same.
Matrix<float> image_rows(std::int64_t n, std::int64_t d);

}  // namespace clipk::bench
