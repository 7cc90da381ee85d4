#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "clipk/core/matrix.hpp"

// What a study is given: .npy, .npz, safetensors or IDX (plain or gzip), told apart by content, not
// by name. "FILE:NAME" is one array of a file that holds several (array_file.hpp).
namespace clipk {

/// One row a point, on the host. An array [n, d] of any number type is taken as it is, [n] as
/// [n, 1]; IDX images are [n, pixels], those of type uint8 divided by 255; of a clip-retrieval
/// folder it is the image vectors.
/// @throws Error that names the path where the file cannot be read (read_array_matrix,
/// read_idx_images, read_clip_retrieval), is of no known kind, has no rows or no columns, or holds
/// NaN or Inf.
Matrix<float> read_features(const std::filesystem::path& path);

/// One label a point: an array [n], [n, 1] or [1, n] of any number type whose values int32 can
/// hold exactly, or IDX labels. A negative label is a missing one.
/// @throws Error that names the path where the file cannot be read (read_array_vector,
/// read_idx_labels), is of no known kind, or has no labels.
std::vector<std::int32_t> read_labels(const std::filesystem::path& path);

}  // namespace clipk
