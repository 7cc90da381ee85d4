#include "clipk/io/embeddings.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <system_error>

#include "clipk/core/check_finite.hpp"
#include "clipk/core/error.hpp"
#include "clipk/io/array_file.hpp"
#include "clipk/io/pairs_index.hpp"
#include "core/unit_rows.hpp"
#include "io/arrays/npy_header.hpp"

namespace clipk {
namespace {

void check_modality(MatrixView<const float> rows, const std::string& name) {
  check_finite(rows, name);
  bool all_equal = true;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    const float* row = rows.row(i);
    if (is_zero_row(row, rows.cols)) {
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

// Refuses unit rows that are all equal: rows that differ only in length are the same point
// under cosine.
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

EmbeddingPairs prepared(EmbeddingPairs pairs, const std::string& images, const std::string& texts,
                        const std::filesystem::path& index) {
  if (!index.empty()) {
    pairs.image_of_text = read_pairs_index(index, pairs.images.rows(), pairs.texts.rows(), texts);
  }
  check_pairs(pairs, images, texts);
  normalize_embeddings(pairs.images, images);
  normalize_embeddings(pairs.texts, texts);
  check_directions(pairs.images.view(), images);
  check_directions(pairs.texts.view(), texts);
  return pairs;
}

// Possible reasons for another number of rows, and what the programs can do about it.
std::string several_of_each(std::int64_t images, std::int64_t texts) {
  constexpr std::int64_t kMost = 100;  // more captions per image are implausible
  const char* const other =
      " (not one text per image? Give the image of each text by --pairs-index)";
  if (images < 2 || texts < 2 || std::max(texts / images, images / texts) > kMost) return other;
  if (texts % images == 0) {
    return " (" + std::to_string(texts / images) +
           " texts per image? Keep one of each, or give the image of each by --pairs-index)";
  }
  if (images % texts == 0) {
    return " (" + std::to_string(images / texts) +
           " images per text? Keep one of each, or give the image of each by --pairs-index)";
  }
  return other;
}

bool is_folder(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

struct PairNames {
  const char* images;
  const char* texts;
};
// The arrays of a file that holds both modalities under common names.
std::optional<PairNames> names_of_both(const std::filesystem::path& path) {
  const ArrayPath parts = split_array_path(path);
  if (!parts.name.empty()) return std::nullopt;
  const auto format = array_format(parts.file);
  if (format != ArrayFormat::npz && format != ArrayFormat::safetensors) return std::nullopt;
  const std::vector<ArrayEntry> entries = list_arrays(parts.file);
  const auto has = [&](const std::string& name) {
    return std::any_of(entries.begin(), entries.end(),
                       [&](const ArrayEntry& entry) { return entry.name == name; });
  };
  constexpr PairNames kNames[] = {
      {"images", "texts"}, {"image_embeddings", "text_embeddings"}, {"img_emb", "text_emb"}};
  for (const PairNames& names : kNames) {
    if (has(names.images) && has(names.texts)) return names;
  }
  return std::nullopt;
}

// @param index empty: row i belongs to row i
EmbeddingPairs read_both(const std::filesystem::path& path, const std::filesystem::path& index) {
  if (is_folder(path)) {
    if (index.empty()) check_clip_retrieval_pairs(path);
    return prepared(
        {read_clip_retrieval(path, Modality::image), read_clip_retrieval(path, Modality::text)},
        path.string() + " (images)", path.string() + " (texts)", index);
  }
  if (const auto both = names_of_both(path)) {
    const std::string images = path.string() + ":" + both->images;
    const std::string texts = path.string() + ":" + both->texts;
    return prepared({read_array_matrix<float>(images), read_array_matrix<float>(texts)}, images,
                    texts, index);
  }
  const NpyArray<float> array = read_array<float>(path);
  const auto& shape = array.shape;
  if (shape.size() != 3 || shape[0] != 2) {
    throw Error(path.string() + ": expected image and text vectors of shape (2, n, d), got " +
                io::shape_text(shape));
  }
  EmbeddingPairs pairs{Matrix<float>(shape[1], shape[2]), Matrix<float>(shape[1], shape[2])};
  const auto half = static_cast<std::ptrdiff_t>(array.data.size() / 2);
  std::copy(array.data.begin(), array.data.begin() + half, pairs.images.data());
  std::copy(array.data.begin() + half, array.data.end(), pairs.texts.data());
  return prepared(std::move(pairs), path.string() + " (images)", path.string() + " (texts)", index);
}

}  // namespace

Matrix<float> read_embeddings(const std::filesystem::path& path, Modality modality) {
  Matrix<float> rows =
      is_folder(path) ? read_clip_retrieval(path, modality) : read_array_matrix<float>(path);
  if (rows.empty()) {
    throw Error(path.string() + ": expected at least 1 row and 1 column, got shape " +
                io::shape_text({rows.rows(), rows.cols()}));
  }
  return rows;
}

EmbeddingPairs read_pairs(const std::filesystem::path& images, const std::filesystem::path& texts) {
  return prepared(
      {read_embeddings(images, Modality::image), read_embeddings(texts, Modality::text)},
      images.string(), texts.string(), {});
}

EmbeddingPairs read_pairs(const std::filesystem::path& path) {
  return read_both(path, {});
}

EmbeddingPairs read_indexed_pairs(const std::filesystem::path& images,
                                  const std::filesystem::path& texts,
                                  const std::filesystem::path& index) {
  return prepared(
      {read_embeddings(images, Modality::image), read_embeddings(texts, Modality::text)},
      images.string(), texts.string(), index);
}

EmbeddingPairs read_indexed_pairs(const std::filesystem::path& path,
                                  const std::filesystem::path& index) {
  return read_both(path, index);
}

void check_pairs(const EmbeddingPairs& pairs, const std::string& images_name,
                 const std::string& texts_name) {
  const auto& [images, texts, image_of_text] = pairs;
  if (image_of_text.empty() && texts.rows() != images.rows()) {
    throw Error(texts_name + ": expected " + std::to_string(images.rows()) + " rows as in " +
                images_name + ", got " + std::to_string(texts.rows()) +
                several_of_each(images.rows(), texts.rows()));
  }
  if (texts.cols() != images.cols()) {
    throw Error(texts_name + ": expected dimension " + std::to_string(images.cols()) + " as in " +
                images_name + ", got " + std::to_string(texts.cols()));
  }
  if (images.rows() < 2) {
    throw Error(images_name + ": expected at least 2 " +
                (image_of_text.empty() ? "pairs" : "images") + ", got " +
                std::to_string(images.rows()));
  }
  if (texts.rows() < 2) {
    throw Error(texts_name + ": expected at least 2 texts, got " + std::to_string(texts.rows()));
  }
  if (images.cols() < 1) {
    throw Error(images_name + ": expected a dimension of at least 1, got 0");
  }
  check_modality(images.view(), images_name);
  check_modality(texts.view(), texts_name);
}

void normalize_embeddings(MatrixView<float> rows, const std::string& name, std::int64_t first_row) {
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    float* row = rows.row(i);
    const double squared = scale_to_unit_length(row, rows.cols, row);
    if (!(squared > 0) || !std::isfinite(squared)) {
      throw Error(name + ": expected a row of finite length above 0, got length " +
                  std::to_string(std::sqrt(squared)) + " in row " + std::to_string(first_row + i));
    }
  }
}

}  // namespace clipk
