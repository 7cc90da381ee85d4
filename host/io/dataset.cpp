#include "clipk/io/dataset.hpp"

#include <system_error>

#include "clipk/core/error.hpp"
#include "clipk/io/array_file.hpp"
#include "clipk/io/check_finite.hpp"
#include "clipk/io/embeddings.hpp"
#include "clipk/io/idx.hpp"
#include "io/idx_file.hpp"
#include "io/npy_header.hpp"

namespace clipk {
namespace {

bool is_idx(const std::filesystem::path& path) {
  return array_format(split_array_path(path).file) == ArrayFormat::idx;
}

Matrix<float> features_of(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error) || !is_idx(path)) {
    return read_embeddings(path, Modality::image);
  }
  const io::IdxFile idx = io::read_idx(path);
  return io::idx_images(path, idx, idx.dtype == DType::uint8 ? 255.0F : 1.0F);
}

}  // namespace

Matrix<float> read_features(const std::filesystem::path& path) {
  Matrix<float> features = features_of(path);
  if (features.empty()) {
    throw Error(path.string() + ": expected at least 1 row and 1 column, got shape " +
                io::shape_text({features.rows(), features.cols()}));
  }
  check_finite(features.view(), path.string());
  return features;
}

std::vector<std::int32_t> read_labels(const std::filesystem::path& path) {
  if (is_idx(path)) return read_idx_labels(path);
  std::vector<std::int32_t> labels = read_array_vector<std::int32_t>(path);
  if (labels.empty()) throw Error(path.string() + ": expected at least 1 label, got 0");
  return labels;
}

}  // namespace clipk
