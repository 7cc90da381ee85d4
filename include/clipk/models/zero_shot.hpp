#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// A class for every image.
struct ZeroShotPredictions {
  std::vector<std::int32_t> classes;  ///< [n] the class of the highest cosine, of equal ones the
                                      ///< lower
  std::vector<float> cosines;         ///< [n] to that class
};

/// How well predictions agree with labels.
struct ZeroShotAccuracy {
  double top1 = 0;             ///< share of the rows with a label that are predicted right
  double mean_per_class = 0;   ///< mean over the classes that occur of each one's share
  std::int64_t counted = 0;    ///< rows with a label
  std::vector<double> hits;    ///< [counted] 1 or 0, in the rows' order: for the paired bootstrap
  std::vector<double> recall;  ///< [k] each class's share; NaN where it does not occur
};

/// Zero-shot classification: an image belongs to the class whose prompts are nearest by cosine.
///
/// A class is its prompts' ensemble, as in CLIP: each scaled to length one, their mean (float64),
/// scaled to length one again. Deterministic: yes, for any number of threads.
/// Source: Radford et al., ICML 2021, section 3.1.4.
class ZeroShot {
 public:
  /// @param prompts [p, d] on any device  @param classes [p] the class of each prompt, from 0
  /// @param names [k] of the classes; empty: there are as many as the largest class says, and
  ///   class_names() are their numbers
  /// @throws Error if sizes differ, there is no prompt, a prompt is not finite or has length zero,
  ///   a class is out of range or has no prompt, or the prompts of a class cancel to zero.
  ZeroShot(Context& context, MatrixView<const float> prompts, std::span<const std::int32_t> classes,
           std::vector<std::string> names = {});

  std::int64_t classes() const { return ensembles_.rows(); }  ///< classes
  std::int64_t dim() const { return ensembles_.cols(); }      ///< columns of an embedding
  const std::vector<std::string>& class_names() const { return names_; }  ///< [k], given or numbers
  MatrixView<const float> ensembles() const { return ensembles_; }  ///< [k, d] unit rows, host

  /// Cosine of every image to every class: out [n, k] on the context's device.
  /// @param images [n, d] on the context's device
  /// @throws Error if a shape or a device differs, or (on the CPU) a row is not finite or has
  ///   length zero.
  void scores(Context& context, MatrixView<const float> images, MatrixView<float> out) const;

  /// The same rows in blocks: the table of all scores is never stored.
  ZeroShotPredictions predict(Context& context, MatrixView<const float> images) const;

  /// How many of the images are predicted right.
  /// @param labels [n], negative: not known, and left out
  /// @throws Error also if labels are of another number, out of range, or none is known.
  ZeroShotAccuracy accuracy(Context& context, MatrixView<const float> images,
                            std::span<const std::int32_t> labels) const;

 private:
  std::vector<std::string> names_;
  Matrix<float> ensembles_;
};

}  // namespace clipk
