#include "study/vectors.hpp"

#include <fmt/format.h>

#include "clipk/core/check_finite.hpp"
#include "clipk/core/error.hpp"
#include "clipk/io/embeddings.hpp"

namespace clipk::study {

Matrix<float> read_unit_vectors(const std::filesystem::path& path, Modality modality) {
  Matrix<float> rows = read_embeddings(path, modality);
  check_finite(rows.view(), path.string());
  normalize_embeddings(rows, path.string());
  return rows;
}

Matrix<float> read_unit_vectors(const std::filesystem::path& path, Modality modality,
                                std::int64_t dim, const std::filesystem::path& as) {
  Matrix<float> rows = read_unit_vectors(path, modality);
  if (rows.cols() != dim) {
    throw Error(fmt::format("{}: expected rows of {} values as {} has, got {}", path.string(), dim,
                            as.string(), rows.cols()));
  }
  return rows;
}

}  // namespace clipk::study
