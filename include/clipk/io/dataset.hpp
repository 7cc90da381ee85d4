#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "clipk/core/matrix.hpp"

// What a study is given: .npy, .npz, safetensors or IDX (plain or gzip), told apart by content, not
// by name. "FILE:NAME" is one array of a file that holds several (array_file.hpp).
namespace clipk {

/// One row a point, on the host: one for each index of the first axis, so that pictures (n, height,
/// width) or (n, height, width, channels) are [n, pixels], and [n] is [n, 1]. The rules are the
/// same for every kind of file: bytes (uint8) are pixels and divided by 255, values of other number
/// types are taken as they are; of arrays of other types axes of length 1 beyond two do not count,
/// as (n, 1, d) and (1, n, d) are [n, d]. Of a clip-retrieval folder it is the image vectors.
/// @throws Error that names the path where the file cannot be read (read_array,
/// read_clip_retrieval), is of no known kind (the message says which it is, where its first bytes
/// tell), has no rows or no columns, or holds NaN or Inf.
Matrix<float> read_features(const std::filesystem::path& path);

/// One label a point: an array [n] of any number type whose values int32 can hold exactly; axes of
/// length 1 beyond one do not count. A negative label is a missing one.
/// @throws Error that names the path where the file cannot be read (read_array_vector), is of no
/// known kind, or has no labels.
std::vector<std::int32_t> read_labels(const std::filesystem::path& path);

}  // namespace clipk
