#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/clip_retrieval.hpp"

namespace clipk {

/// Paired embeddings on the host, in float32: row i of `texts` belongs to row i of `images`, unless
/// `image_of_text` says otherwise.
struct EmbeddingPairs {
  Matrix<float> images;  ///< [n, d]
  Matrix<float> texts;   ///< [n, d], or [m, d] with `image_of_text`
  /// [m] the row of the image that each text belongs to, -1 for none; empty: text i is image i's
  std::vector<std::int32_t> image_of_text = {};

  std::int64_t size() const { return images.rows(); }  ///< pairs; with `image_of_text` the images
  std::int64_t dim() const { return images.cols(); }   ///< columns of both
};

/// Vectors of one modality, [n, d] of any number type, unchanged. The path is "FILE" or
/// "FILE:NAME" as in read_array_matrix, or a clip-retrieval folder, from which the vectors of the
/// modality are read.
/// @throws Error as read_array_matrix and read_clip_retrieval do, and if there are no rows
/// or no columns.
Matrix<float> read_embeddings(const std::filesystem::path& path, Modality modality);

/// Reads both modalities (read_embeddings); checks them (check_pairs) and divides every row by its
/// length, which corrects the rounding of float16 files (norms of 0.9995 to 1.0006).
/// @throws Error that names the file; also if all rows of a modality have one direction.
EmbeddingPairs read_pairs(const std::filesystem::path& images, const std::filesystem::path& texts);

/// The same from one place: an array of shape (2, n, d), images first ("FILE" or "FILE:NAME"); a
/// .npz or safetensors file with two arrays called images and texts, image_embeddings and
/// text_embeddings, or img_emb and text_emb; or a clip-retrieval folder, where both modalities must
/// have the same parts (check_clip_retrieval_pairs).
EmbeddingPairs read_pairs(const std::filesystem::path& pairs);

/// Both forms where an image may have several texts, or none: the number of texts is any, and
/// `index` (read_pairs_index) says which image each belongs to. The parts of a clip-retrieval
/// folder need not match. The pairs have `image_of_text`.
/// @throws Error also as read_pairs_index does
EmbeddingPairs read_indexed_pairs(const std::filesystem::path& images,
                                  const std::filesystem::path& texts,
                                  const std::filesystem::path& index);
EmbeddingPairs read_indexed_pairs(const std::filesystem::path& pairs,
                                  const std::filesystem::path& index);

/// Checks embeddings before anything is computed from them.
/// @param images_name, texts_name for messages, as the paths of the files
/// @throws Error if the rows (unless there is an `image_of_text`) or the dimensions of the two
/// differ, there are fewer than 2 pairs (images, texts) or no dimension, a value is NaN or Inf, a
/// row is a zero vector, or all rows of a modality are equal.
void check_pairs(const EmbeddingPairs& pairs, const std::string& images_name,
                 const std::string& texts_name);

/// Divides every row of a host matrix by its Euclidean length; the length is summed in float64.
/// @param first_row number of the first row, for the message, if the matrix is a block of a larger
///   one
/// @throws Error that names `name` and the row if a length is zero or not finite.
void normalize_embeddings(MatrixView<float> rows, const std::string& name,
                          std::int64_t first_row = 0);

}  // namespace clipk
