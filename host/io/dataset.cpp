#include "clipk/io/dataset.hpp"

#include <system_error>

#include "clipk/core/check_finite.hpp"
#include "clipk/core/error.hpp"
#include "clipk/io/array_file.hpp"
#include "clipk/io/embeddings.hpp"
#include "io/arrays/array_source.hpp"
#include "io/arrays/elements.hpp"

namespace clipk {
namespace {

Matrix<float> features_of(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return read_embeddings(path, Modality::image);
  const io::ArraySource array = io::open_array(path);
  return io::read_rows(*array.elements, array.header);
}

}  // namespace

Matrix<float> read_features(const std::filesystem::path& path) {
  Matrix<float> features = features_of(path);
  check_finite(features.view(), path.string());
  return features;
}

std::vector<std::int32_t> read_labels(const std::filesystem::path& path) {
  std::vector<std::int32_t> labels = read_array_vector<std::int32_t>(path);
  if (labels.empty()) throw Error(path.string() + ": expected at least 1 label, got 0");
  return labels;
}

}  // namespace clipk
