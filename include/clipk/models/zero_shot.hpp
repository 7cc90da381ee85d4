#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// The predicted class of every image.
struct ZeroShotPredictions {
  std::vector<std::int32_t> classes;  ///< [n] the class of the highest cosine, among ties the
                                      ///< lower one
  std::vector<float> cosines;         ///< [n] to that class
};

/// The agreement of predictions with labels.
struct ZeroShotAccuracy {
  double top1 = 0;             ///< share of the rows with a label that are predicted correctly
  double mean_per_class = 0;   ///< mean of the shares of the classes that occur
  std::int64_t counted = 0;    ///< rows with a label
  std::vector<double> hits;    ///< [counted] 1 or 0, in row order: for the paired bootstrap
  std::vector<double> recall;  ///< [k] each class's share; NaN where it does not occur
};

/// Zero-shot classification: an image belongs to the class whose prompts are nearest by cosine.
///
/// A class is represented by its prompts' ensemble, as in CLIP: each prompt scaled to length one,
/// their mean (float64) scaled to length one again. Deterministic: yes, for any number of threads.
/// Source: Radford et al., ICML 2021, section 3.1.4.
class ZeroShot {
 public:
  /// @param prompts [p, d] on any device  @param classes [p] the class of each prompt, from 0
  /// @param names [k] of the classes; empty: k is the largest class plus one, and class_names() are
  ///   the numbers
  /// @throws Error if sizes differ, there is no prompt, a prompt is not finite or has length zero,
  ///   a class is out of range or has no prompt, or the prompts of a class cancel to zero.
  ZeroShot(Context& context, MatrixView<const float> prompts, std::span<const std::int32_t> classes,
           std::vector<std::string> names = {});

  std::int64_t classes() const { return ensembles_.rows(); }  ///< classes
  std::int64_t dim() const { return ensembles_.cols(); }      ///< columns of an embedding
  const std::vector<std::string>& class_names() const { return names_; }  ///< [k], given or numbers
  MatrixView<const float> ensembles() const { return ensembles_; }  ///< [k, d] unit rows, host

  /// The cosine of every image to every class: out [n, k] on the context's device.
  /// @param images [n, d] on the context's device
  /// @throws Error if a shape or a device differs, or (on the CPU) a row is not finite or has
  ///   length zero.
  void scores(Context& context, MatrixView<const float> images, MatrixView<float> out) const;

  /// Predicts the class of each image, in blocks: the table of all scores is never stored.
  ZeroShotPredictions predict(Context& context, MatrixView<const float> images) const;

  /// The accuracy of predictions.
  /// @param labels [n]; negative ones are not known and left out
  /// @throws Error also if the number of labels differs, a label is out of range, or none is known.
  ZeroShotAccuracy accuracy(Context& context, MatrixView<const float> images,
                            std::span<const std::int32_t> labels) const;

 private:
  std::vector<std::string> names_;
  Matrix<float> ensembles_;
};

}  // namespace clipk
