#include "reduce/saved_map.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "clipk/core/error.hpp"
#include "clipk/io/archive.hpp"

namespace clipk::study {

SavedMap SavedMap::load(Context& context, const std::filesystem::path& path) {
  const std::string kind = archive_kind(path);
  if (kind == "pca model") return {kind, Pca::load(path)};
  if (kind == "paired_axes model") return {kind, PairedAxes::load(path)};
  if (kind == "neural_mds model") return {kind, NeuralMds::load(context, path)};
  throw FileError(fmt::format(
      "{}: expected a pca model, a paired_axes model or a neural_mds model, got a clipk {}",
      path.string(), kind));
}

std::int64_t SavedMap::input_dim() const {
  return std::visit([](const auto& model) { return model.input_dim(); }, model_);
}

std::int64_t SavedMap::dim() const {
  if (const auto* pca = std::get_if<Pca>(&model_)) return pca->components_kept();
  if (const auto* axes = std::get_if<PairedAxes>(&model_)) return axes->dim();
  return std::get<NeuralMds>(model_).dim();
}

bool SavedMap::has_prefixes() const {
  return !std::holds_alternative<NeuralMds>(model_);
}

bool SavedMap::by_modality() const {
  const auto* pca = std::get_if<Pca>(&model_);
  if (pca == nullptr) return true;
  const VectorView<const double> images = pca->mean(Modality::image);
  return !std::equal(images.begin(), images.end(), pca->mean(Modality::text).begin());
}

Matrix<float> SavedMap::transform(Context& context, MatrixView<const float> rows, Modality modality,
                                  std::int64_t dim) const {
  if (const auto* mds = std::get_if<NeuralMds>(&model_)) {
    return mds->transform(context, rows, modality).to_host(context);
  }
  Matrix<float> codes(context, rows.rows, dim);
  if (const auto* pca = std::get_if<Pca>(&model_)) {
    pca->transform(context, rows, modality, codes.view());
  } else {
    std::get<PairedAxes>(model_).transform(context, rows, modality, codes.view());
  }
  return codes.device() == Device::cpu ? std::move(codes) : codes.to_host(context);
}

}  // namespace clipk::study
