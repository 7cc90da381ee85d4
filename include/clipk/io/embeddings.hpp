#pragma once

#include <filesystem>
#include <string>

#include "clipk/core/matrix.hpp"

namespace clipk {

/// Paired embeddings on the host, in float32: row i of `texts` belongs to row i of `images`.
struct EmbeddingPairs {
  Matrix<float> images;  ///< [n, d]
  Matrix<float> texts;   ///< [n, d]

  std::int64_t size() const { return images.rows(); }
  std::int64_t dim() const { return images.cols(); }
};

/// Reads one .npy file a modality, [n, d] of any number type; checks them (check_pairs) and divides
/// every row by its length, which undoes what float16 files lose (norms of .9995 to 1.0006).
/// @throws Error that names the file; also where all rows of a modality have one direction.
EmbeddingPairs read_pairs(const std::filesystem::path& images, const std::filesystem::path& texts);

/// The same from one file of shape (2, n, d): images, then texts.
EmbeddingPairs read_pairs(const std::filesystem::path& pairs);

/// What embeddings must be before anything is computed from them.
/// @param images_name, texts_name for messages, as the paths of the files
/// @throws Error where the rows or the dimensions of the two differ, there are fewer than 2 pairs
/// or no dimension, a value is NaN or Inf, a row is a zero vector, or all rows of a modality are
/// equal.
void check_pairs(const EmbeddingPairs& pairs, const std::string& images_name,
                 const std::string& texts_name);

/// Divides every row of a host matrix by its Euclidean length; the length is summed in float64.
/// @throws Error that names `name` and the row where the length is zero or not finite.
void normalize_embeddings(MatrixView<float> rows, const std::string& name);

}  // namespace clipk
