#include "clipk/io/embeddings.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "clipk/core/error.hpp"
#include "clipk/io/check_finite.hpp"
#include "clipk/io/npy.hpp"
#include "io/npy_header.hpp"

namespace clipk {
namespace {

void check_modality(MatrixView<const float> rows, const std::string& name) {
  check_finite(rows, name);
  bool all_equal = true;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    const float* row = rows.row(i);
    if (std::all_of(row, row + rows.cols, [](float value) { return value == 0; })) {
      throw Error(name + ": expected vectors with a direction, got a zero vector in row " +
                  std::to_string(i));
    }
    all_equal = all_equal && std::equal(row, row + rows.cols, rows.row(0));
  }
  if (all_equal) {
    throw Error(name + ": expected rows that differ, got " + std::to_string(rows.rows) +
                " equal rows");
  }
}

// Of unit rows: rows that differ in length alone are one point under cosine.
void check_directions(MatrixView<const float> rows, const std::string& name) {
  constexpr float kRounding = 1e-6F;
  for (std::int64_t i = 1; i < rows.rows; ++i) {
    for (std::int64_t j = 0; j < rows.cols; ++j) {
      if (std::abs(rows(i, j) - rows(0, j)) > kRounding) return;
    }
  }
  throw Error(name + ": expected rows of different directions, got " + std::to_string(rows.rows) +
              " of one direction");
}

EmbeddingPairs prepared(EmbeddingPairs pairs, const std::string& images, const std::string& texts) {
  check_pairs(pairs, images, texts);
  normalize_embeddings(pairs.images, images);
  normalize_embeddings(pairs.texts, texts);
  check_directions(pairs.images.view(), images);
  check_directions(pairs.texts.view(), texts);
  return pairs;
}

}  // namespace

EmbeddingPairs read_pairs(const std::filesystem::path& images, const std::filesystem::path& texts) {
  return prepared({read_npy_matrix<float>(images), read_npy_matrix<float>(texts)}, images.string(),
                  texts.string());
}

EmbeddingPairs read_pairs(const std::filesystem::path& path) {
  const NpyArray<float> array = read_npy<float>(path);
  const auto& shape = array.shape;
  if (shape.size() != 3 || shape[0] != 2) {
    throw Error(path.string() + ": expected image and text vectors of shape (2, n, d), got " +
                io::shape_text(shape));
  }
  EmbeddingPairs pairs{Matrix<float>(shape[1], shape[2]), Matrix<float>(shape[1], shape[2])};
  const auto half = static_cast<std::ptrdiff_t>(array.data.size() / 2);
  std::copy(array.data.begin(), array.data.begin() + half, pairs.images.data());
  std::copy(array.data.begin() + half, array.data.end(), pairs.texts.data());
  return prepared(std::move(pairs), path.string() + " (images)", path.string() + " (texts)");
}

void check_pairs(const EmbeddingPairs& pairs, const std::string& images_name,
                 const std::string& texts_name) {
  const auto& [images, texts] = pairs;
  if (texts.rows() != images.rows()) {
    throw Error(texts_name + ": expected " + std::to_string(images.rows()) + " rows as in " +
                images_name + ", got " + std::to_string(texts.rows()));
  }
  if (texts.cols() != images.cols()) {
    throw Error(texts_name + ": expected dimension " + std::to_string(images.cols()) + " as in " +
                images_name + ", got " + std::to_string(texts.cols()));
  }
  if (images.rows() < 2) {
    throw Error(images_name + ": expected at least 2 pairs, got " + std::to_string(images.rows()));
  }
  if (images.cols() < 1) {
    throw Error(images_name + ": expected a dimension of at least 1, got 0");
  }
  check_modality(images.view(), images_name);
  check_modality(texts.view(), texts_name);
}

void normalize_embeddings(MatrixView<float> rows, const std::string& name) {
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    float* row = rows.row(i);
    double squared = 0;
    for (std::int64_t j = 0; j < rows.cols; ++j) {
      squared += static_cast<double>(row[j]) * static_cast<double>(row[j]);
    }
    if (!(squared > 0) || !std::isfinite(squared)) {
      throw Error(name + ": expected a row of finite length above 0, got length " +
                  std::to_string(std::sqrt(squared)) + " in row " + std::to_string(i));
    }
    const double scale = 1 / std::sqrt(squared);
    for (std::int64_t j = 0; j < rows.cols; ++j) row[j] = static_cast<float>(row[j] * scale);
  }
}

}  // namespace clipk
