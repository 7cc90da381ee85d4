#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "clipk/core/matrix.hpp"

// IDX files, the format of MNIST and its kin: two zero bytes, a type, the number of dimensions,
// their extents and the elements, big-endian throughout. https://yann.lecun.org/exdb/mnist/
//
// Types uint8, int8, int16, int32, float32 and float64. A file compressed by gzip is known by its
// first bytes, whatever its name. A file may say anything of its size: memory never exceeds about
// twice the bytes that really are there, and nothing is inflated beyond the size in the header, nor
// where that is out of all proportion to the compressed file (as npz.hpp has it).
namespace clipk {

/// How read_idx_images scales.
struct IdxImageOptions {
  /// Pixels are divided by it: 255 takes bytes to [0, 1].
  float divisor = 1;
};

/// Reads images (or vectors) of any shape (n, ...), one a row: [n, product of the rest].
/// @throws Error that names the path, what was expected and what came: no regular file, not an IDX
/// file, fewer than 2 dimensions, no images or no pixels, missing or trailing bytes, a broken or
/// cut gzip stream, a divisor that is not finite and above 0.
Matrix<float> read_idx_images(const std::filesystem::path& path,
                              const IdxImageOptions& options = {});

/// Reads labels: one dimension, of an integer type.
/// @throws Error as read_idx_images, and where there are no labels.
std::vector<std::int32_t> read_idx_labels(const std::filesystem::path& path);

}  // namespace clipk
