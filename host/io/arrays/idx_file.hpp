#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/npy.hpp"

namespace clipk::io {

/// An IDX file as stored: its elements are big-endian.
struct IdxFile {
  DType dtype = DType::uint8;
  std::vector<std::int64_t> shape;
  std::vector<unsigned char> bytes;
};

/// @throws Error as read_idx_images, except for its conditions on the shape.
IdxFile read_idx(const std::filesystem::path& path);

/// One row per image.  @param path for messages
Matrix<float> idx_images(const std::filesystem::path& path, const IdxFile& idx, float divisor);

}  // namespace clipk::io
