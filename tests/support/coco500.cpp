#include "support/coco500.hpp"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "clipk/io/npy.hpp"
#include "support/golden_folder.hpp"

namespace clipk::test {
namespace {

std::filesystem::path folder() {
  const char* set = std::getenv("CLIPK_DATA");
  const std::filesystem::path root = set != nullptr ? set : golden_folder() / "../../data";
  const std::filesystem::path inner = root / "coco500";
  return std::filesystem::exists(inner) ? inner : root;
}

Matrix<float> read_unit_rows(const std::filesystem::path& path) {
  Matrix<float> rows = read_npy_matrix<float>(path);
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    double square = 0;
    for (std::int64_t j = 0; j < rows.cols(); ++j) {
      square += static_cast<double>(rows(i, j)) * static_cast<double>(rows(i, j));
    }
    for (std::int64_t j = 0; j < rows.cols(); ++j) {
      rows(i, j) = static_cast<float>(static_cast<double>(rows(i, j)) / std::sqrt(square));
    }
  }
  return rows;
}

}  // namespace

std::optional<Coco500> load_coco500(bool control) {
  const std::string prefix = control ? "random_clip_" : "";
  const auto images = folder() / (prefix + "image_embeddings.npy");
  const auto texts = folder() / (prefix + "text_embeddings.npy");
  if (!std::filesystem::exists(images) || !std::filesystem::exists(texts)) return std::nullopt;
  const auto themes = folder() / "theme_labels.npy";
  return Coco500{read_unit_rows(images), read_unit_rows(texts),
                 std::filesystem::exists(themes) ? read_npy_vector<std::int32_t>(themes)
                                                 : std::vector<std::int32_t>{}};
}

}  // namespace clipk::test
