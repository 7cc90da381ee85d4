#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/modality.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// The mean that is subtracted from rows before a linear map. The two modalities of CLIP differ by
/// a constant offset; `pooled` keeps it, and it then becomes the first component.
enum class Centering : std::uint8_t {
  per_modality,  ///< each modality's own mean
  pooled,        ///< the mean of all rows from both modalities
  none,          ///< nothing is subtracted
};

/// The name that files and options use.
const char* to_string(Centering centering);

/// How the axes are found.
struct PcaOptions {
  Centering centering = Centering::per_modality;  ///< the mean that is subtracted
  std::int64_t components = 0;                    ///< to keep; 0 keeps all D
};

/// Principal components: one orthonormal basis for images and texts, from the eigenvectors of the
/// scatter matrix of their stacked, centred rows.
///
/// All arithmetic is float64 and runs on the host whatever the context's device (rows on a GPU are
/// copied). Deterministic: yes; the largest entry of every component is positive. Directions the
/// data do not span complete the basis in a fixed way, so a map to all D dimensions is a rotation.
class Pca {
 public:
  /// @param images [n, D]  @param texts [n, D], paired row by row
  /// @throws Error if the shapes differ, there are fewer than two pairs, a value is not finite, all
  ///   points are equal, or options.components > D.
  static Pca fit(Context& context, MatrixView<const float> images, MatrixView<const float> texts,
                 const PcaOptions& options = {});
  /// Fits one set of rows, which counts as both modalities.  @param rows [n, D], n >= 2
  static Pca fit(Context& context, MatrixView<const float> rows, const PcaOptions& options = {});

  std::int64_t input_dim() const { return dim_; }  ///< columns of a row
  /// Number of components, at most input_dim().
  std::int64_t components_kept() const { return static_cast<std::int64_t>(variance_.size()); }
  Centering centering() const { return centering_; }  ///< the mean that was subtracted
  /// [components, D]: orthonormal rows, by descending variance.
  MatrixView<const double> components() const;
  /// [D]: the mean that is subtracted from the rows of a modality.
  VectorView<const double> mean(Modality modality) const;
  /// Variance along each component: eigenvalue / (N - 1) for N stacked rows.
  const std::vector<double>& explained_variance() const { return variance_; }
  /// Its share of the variance of all D dimensions.
  std::vector<double> explained_variance_ratio() const;

  /// The first D' = out.cols components of any rows, from the fit or new: (row - mean) V^T.
  /// @param rows [m, D], on any device  @param[out] out [m, D'], on the context's
  /// @throws Error if D' is 0 or more than the components kept, or a shape differs.
  void transform(Context& context, MatrixView<const float> rows, Modality modality,
                 MatrixView<float> out) const;
  /// The same into a new matrix on the context's device.
  Matrix<float> transform(Context& context, MatrixView<const float> rows, Modality modality,
                          std::int64_t dim) const;

  /// Rows back from codes, which may be edited ones: mean + code V. Of codes of all D components of
  /// a row it is the row, up to rounding; of fewer the nearest row in their span.
  /// @param codes [m, D'] of the first D' components, on any device
  /// @param[out] out [m, D], on the context's device
  /// @throws Error if D' is 0 or more than the components kept, or a shape differs.
  void inverse_transform(Context& context, MatrixView<const float> codes, Modality modality,
                         MatrixView<float> out) const;
  /// The same into a new matrix on the context's device.
  Matrix<float> inverse_transform(Context& context, MatrixView<const float> codes,
                                  Modality modality) const;

  /// Writes the model as one archive of kind "pca model", atomically. @throws Error
  void save(const std::filesystem::path& path) const;
  /// @throws Error if the file is not a whole "pca model" archive.
  static Pca load(const std::filesystem::path& path);

 private:
  Pca() = default;
  static Pca fit(Context& context, const std::vector<MatrixView<const float>>& sets,
                 const PcaOptions& options);

  Centering centering_ = Centering::none;
  std::int64_t dim_ = 0;
  std::vector<double> means_;       // [2 D], by modality
  std::vector<double> components_;  // [components, D]
  std::vector<double> variance_;    // [components]
  double total_variance_ = 0;
};

}  // namespace clipk
