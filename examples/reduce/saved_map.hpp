#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/modality.hpp"
#include "clipk/models/neural_mds.hpp"
#include "clipk/models/paired_axes.hpp"
#include "clipk/models/pca.hpp"

namespace clipk::study {

/// A map to fewer dimensions from a model file of any kind that has one.
class SavedMap {
 public:
  /// @throws Error if the file is none of these models, or a damaged one.
  static SavedMap load(Context& context, const std::filesystem::path& path);

  const std::string& kind() const { return kind_; }  ///< of the file, as "pca model"
  std::int64_t input_dim() const;                    ///< D, columns of a row
  std::int64_t dim() const;                          ///< D', columns of a whole code
  /// Whether the first few columns of a code are a code.
  bool has_prefixes() const;
  /// Whether rows of images and of texts are mapped in different ways.
  bool by_modality() const;

  /// The first `dim` columns of the codes of any rows, as the model's transform gives them.
  /// @param rows [m, D]  @returns [m, dim] on the host
  Matrix<float> transform(Context& context, MatrixView<const float> rows, Modality modality,
                          std::int64_t dim) const;

 private:
  using Model = std::variant<Pca, PairedAxes, NeuralMds>;
  SavedMap(std::string kind, Model model) : kind_(std::move(kind)), model_(std::move(model)) {}

  std::string kind_;
  Model model_;
};

}  // namespace clipk::study
