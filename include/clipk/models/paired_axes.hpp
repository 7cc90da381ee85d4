#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/modality.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// One member of the family of PairedAxes.
struct PairedAxesSetting {
  /// Ridge of the whitening, in units of the mean variance of a direction: near 0 all directions
  /// that vary count equally, a large value leaves the rows as they are.
  double ridge = 4;
  /// Weight m of the cross-covariance of the pairs, from 0 to 1; the rest is that of the variance
  /// within the modalities.
  double mixture = 0.3;
  /// Share of the images in the variance within the modalities, from 0 to 1; the rest is that of
  /// the texts. Small by default: captions mention little of what images show.
  double images = 0.25;
};

/// How a map is fitted.
struct PairedAxesOptions {
  /// Chosen by cross-validation where empty; the default setting where pairs are fewer than 12 or
  /// equal rows leave no folds.
  std::optional<PairedAxesSetting> setting = {};
  std::int64_t folds = 3;  ///< of the cross-validation
  /// Completes the axes by directions in which no row varies, where D' is above the dimensions that
  /// the rows span; otherwise that is an error.
  bool complete = false;
};

/// Ridge CCA with one rotation for both modalities: a linear map to D' dimensions for retrieval
/// between new images and texts.
///
/// With centred rows, the covariances S_i and S_t of the modalities, each divided by its trace, and
/// the cross-covariance C, divided by the root of both traces,
///   H_i = (S_i + ridge / D)^(-1/2),   H_t = (S_t + ridge / D)^(-1/2),
///   M = m sym(H_i C H_t) + (1 - m) (a H_i S_i H_i + (1 - a) H_t S_t H_t),
///   axes of images = U^T H_i,   axes of texts = U^T H_t,   U: eigenvectors of M, largest first,
/// with m = mixture, a = images, and sym(X) = (X + X^T) / 2. CCA takes the singular vectors of
/// H_i C H_t, a rotation for each modality, which overfits small sets; one rotation, and the
/// variance mixed in, does not. Under one setting the axes of fewer dimensions are the first of
/// those of more, up to a factor.
///
/// The setting is chosen inside the fitted pairs by cross-validation: the mean reciprocal rank of
/// retrieval, in both directions, among the pairs of a fold that the others did not see, as the
/// mean over D'/2, D' and 2 D' dimensions. The one standard error rule (Breiman et al. 1984): of
/// the settings that are not worse than the best by more than the standard error of the difference,
/// the nearest to the default. Of more than 6000 pairs, about 2000 are held out once. Pairs with
/// equal images or texts share a fold (pair_groups).
///
/// All arithmetic is float64 and runs on the host whatever the context's device. Deterministic:
/// yes; the largest entry of every axis is positive. Time O(n D^2) for the covariances, O(D^3) for
/// each setting tried; memory O(D^2) beside the rows (with fewer than D rows of both modalities, of
/// their number N instead of D). Source: Hotelling 1936; ridge: Vinod 1976.
class PairedAxes {
 public:
  /// @param images [n, D]  @param texts [n, D], paired row by row  @param dim D'
  /// @throws Error if the shapes differ, there are fewer than 2 pairs, a value is not finite, all
  ///   rows of a modality are equal, dim is not in 1 ... D or (unless options.complete)
  ///   above the dimensions that the rows span, or an option is out of range.
  static PairedAxes fit(Context& context, MatrixView<const float> images,
                        MatrixView<const float> texts, std::int64_t dim,
                        const PairedAxesOptions& options = {});
  /// One map for each of several dimensions, each with a setting of its own; the same as separate
  /// fits, in the time of one.
  static std::vector<PairedAxes> fit_each(Context& context, MatrixView<const float> images,
                                          MatrixView<const float> texts,
                                          std::span<const std::int64_t> dims,
                                          const PairedAxesOptions& options = {});

  std::int64_t input_dim() const { return axes_[0].cols(); }  ///< D, columns of a row
  std::int64_t dim() const { return axes_[0].rows(); }        ///< D', columns of a code
  /// The setting that was given or chosen.
  const PairedAxesSetting& setting() const { return setting_; }
  /// Mean reciprocal rank of the setting in the cross-validation; NaN where none was made.
  double validation_mrr() const { return validation_mrr_; }
  /// [D', D]: the axes of a modality, of lengths near one.
  MatrixView<const double> axes(Modality modality) const {
    return axes_[modality == Modality::image ? 0 : 1].view();
  }
  /// [D]: the mean that is subtracted from the rows of a modality.
  VectorView<const double> mean(Modality modality) const {
    const std::vector<double>& mean = means_[modality == Modality::image ? 0 : 1];
    return {mean.data(), static_cast<std::int64_t>(mean.size())};
  }

  /// The first out.cols codes of any rows, from the fit or new: (row - mean) axes^T.
  /// @param rows [m, D], on any device  @param[out] out [m, up to D'], on the context's
  /// @throws Error if a shape differs.
  void transform(Context& context, MatrixView<const float> rows, Modality modality,
                 MatrixView<float> out) const;
  /// All D' codes, in a new matrix on the context's device.
  Matrix<float> transform(Context& context, MatrixView<const float> rows, Modality modality) const;

  /// Writes the model as one archive of kind "paired_axes model", atomically. @throws Error
  void save(const std::filesystem::path& path) const;
  /// @throws Error if the file is not a whole "paired_axes model" archive.
  static PairedAxes load(const std::filesystem::path& path);

 private:
  PairedAxes() = default;

  PairedAxesSetting setting_;
  double validation_mrr_ = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> means_[2];  // [D] by modality
  Matrix<double> axes_[2];        // [D', D] by modality
};

}  // namespace clipk
