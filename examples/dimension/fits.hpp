#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clipk/io/embeddings.hpp"
#include "clipk/models/neural_mds.hpp"
#include "clipk/models/pca.hpp"

namespace clipk::study {

/// What the dimension study compares.
struct DimensionSettings {
  std::vector<int> dims;
  std::vector<std::string> methods;
  std::int64_t epochs = 0;
  std::int64_t pairs = 0;  ///< of the whole study, as fits see them (one_to_one)
  std::int64_t quads = 0;  ///< of an epoch of a fit to all pairs; a fit to fewer takes its share
  QuadDraw draw = QuadDraw::query;
  std::int64_t near = 5;  ///< a query's nearer pair is among its nearest so many
  bool bytes = false;     ///< whether codes are also measured as stored in fewer bytes
  double holdout = 0;
  int splits = 0;
  double margin = 0;
};

/// Codes of both modalities, and those of the images that the geometry is measured on: the same,
/// but for PCA, whose best map of the images alone is the bar.
struct Codes {
  Matrix<float> images, texts;
  Matrix<float> image_block;  ///< empty: images
};

/// The methods, fitted to one set of pairs: of several texts an image to every text beside its
/// image (one_to_one). What several dimensions share is computed once.
class Fitter {
 public:
  /// @param generalize whether maps are for pairs that are not seen: Neural MDS then takes its
  ///   settings against overfitting (docs/dimension_study.md)
  Fitter(Context& context, const EmbeddingPairs& train, const DimensionSettings& settings,
         bool generalize);

  /// Fits one method and maps each of these sets.
  /// @param[out] epochs behind a Neural MDS; 0 for the others
  std::vector<Codes> codes(const std::string& method, int dim,
                           const std::vector<const EmbeddingPairs*>& sets,
                           const std::filesystem::path& checkpoint,
                           const std::function<void(const Progress&)>& progress,
                           std::int64_t& epochs);

  /// The map of every method that needs no network, to save it.
  std::shared_ptr<const Pca> pca();
  std::shared_ptr<const PairedAxes> paired_axes(int dim);

 private:
  NeuralMdsOptions mds_options(const std::string& method, int dim) const;
  PcaOptions pca_options() const;

  Context& context_;
  const EmbeddingPairs one_to_one_;  // where the pairs have an index
  const EmbeddingPairs& train_;
  const DimensionSettings& settings_;
  bool generalize_;
  std::shared_ptr<const Pca> shared_;
  std::optional<Pca> images_alone_;
  std::vector<std::shared_ptr<const PairedAxes>> paired_;  // of every dimension
};

}  // namespace clipk::study
