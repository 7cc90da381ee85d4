#pragma once

#include <filesystem>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/core/modality.hpp"

// Folders in the layout of clip-retrieval (https://github.com/rom1504/clip-retrieval):
//
//   img_emb/img_emb_0.npy, img_emb_1.npy, ...       image vectors, float16, a part a file
//   text_emb/text_emb_0.npy, text_emb_1.npy, ...    text vectors, row for row those of the images
//   metadata/metadata_0.parquet, ...                what else is known of every row
//
// Part numbers may have leading zeros and are ordered as numbers: part 10 comes after part 9.
namespace clipk {

/// The parts of a modality in ascending order. Other files beside them are left out.
/// @throws Error that names the folder if it cannot be read, has no parts, or two of one number.
std::vector<std::filesystem::path> clip_retrieval_files(const std::filesystem::path& folder,
                                                        Modality modality);

/// The rows of all parts, stacked, in float32. Reading a part takes memory for one more copy of it.
/// @throws Error as clip_retrieval_files and read_npy_matrix do; also if a part has another width
/// than the first, or another number of rows than its metadata says. If the metadata is missing or
/// cannot be read, the number of rows is not checked. (Of a Parquet file only the row count in its
/// footer is read.)
Matrix<float> read_clip_retrieval(const std::filesystem::path& folder, Modality modality);

/// Checks that images and texts have the same parts of the same numbers of rows.
/// @throws Error that names the part that is missing, or both parts and their rows.
void check_clip_retrieval_pairs(const std::filesystem::path& folder);

}  // namespace clipk
