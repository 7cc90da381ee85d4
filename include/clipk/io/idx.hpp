#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "clipk/core/matrix.hpp"

// IDX files, the format of MNIST and similar data sets: two zero bytes, a type, the number of
// dimensions, their extents and the elements, big-endian throughout.
// https://yann.lecun.org/exdb/mnist/
//
// Types uint8, int8, int16, int32, float32 and float64. A file compressed by gzip is recognised
// by its first bytes, whatever its name. The reader does not trust the sizes in a file: memory
// never exceeds about twice the bytes that are really there. Nothing is inflated beyond the size
// in the header, or at all if that size is out of proportion to the compressed file (the limits
// are those of npz.hpp).
namespace clipk {

/// How read_idx_images scales.
struct IdxImageOptions {
  /// Divides the pixels: 255 maps bytes to [0, 1].
  float divisor = 1;
};

/// Reads images (or vectors) of any shape (n, ...), one per row: [n, product of the rest].
/// @throws Error that names the path, what was expected and what came: no regular file, not an IDX
/// file, fewer than 2 dimensions, no images or no pixels, missing or trailing bytes, a broken or
/// cut gzip stream, a divisor that is not finite and above 0.
Matrix<float> read_idx_images(const std::filesystem::path& path,
                              const IdxImageOptions& options = {});

/// Reads labels: one dimension, of an integer type.
/// @throws Error as read_idx_images, and where there are no labels.
std::vector<std::int32_t> read_idx_labels(const std::filesystem::path& path);

}  // namespace clipk
