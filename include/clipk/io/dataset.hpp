#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "clipk/core/matrix.hpp"

// The input of a study: .npy, .npz, safetensors or IDX (plain or gzip), recognised by content, not
// by name. "FILE:NAME" is one array of a file that holds several (array_file.hpp).
namespace clipk {

/// One row per point, on the host: one for each index of the first axis, so pictures (n, height,
/// width) or (n, height, width, channels) become [n, pixels], and [n] becomes [n, 1]. The rules
/// are the same for every kind of file. Bytes (uint8) are taken as pixels and divided by 255,
/// values of other number types are taken as they are. In arrays of other types axes of length 1
/// beyond two do not count: (n, 1, d) and (1, n, d) are [n, d]. A clip-retrieval folder gives its
/// image vectors.
/// @throws Error that names the path if the file cannot be read (read_array, read_clip_retrieval),
/// is of no known kind (the message says which kind it is, if its first bytes show that), has no
/// rows or no columns, or holds NaN or Inf.
Matrix<float> read_features(const std::filesystem::path& path);

/// One label per point: an array [n] of any number type whose values int32 can hold exactly; axes
/// of length 1 beyond one do not count. A negative label means missing.
/// @throws Error that names the path if the file cannot be read (read_array_vector), is of no known
/// kind, or has no labels.
std::vector<std::int32_t> read_labels(const std::filesystem::path& path);

}  // namespace clipk
