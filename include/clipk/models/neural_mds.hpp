#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"
#include "clipk/models/paired_axes.hpp"
#include "clipk/models/pca.hpp"
#include "clipk/ops/quad_hinge_loss.hpp"
#include "clipk/train/training_options.hpp"

namespace clipk {

/// The property of the high-dimensional distances that a map keeps.
enum class MdsObjective : std::uint8_t {
  isometric,  ///< their values: e(g(i), g(j)) = d(i, j)
  isotonic,   ///< their order: d(i, j) < d(k, l) implies e(g(i), g(j)) < e(g(k), g(l))
};

/// The linear map that a network starts from.
enum class MdsStart : std::uint8_t {
  pca,             ///< keeps the variance of the rows it was fitted on
  retrieval_axes,  ///< keeps top-1 on new pairs better; does not use the pairing
  paired_axes,     ///< keeps it best, from the pairing; with a network per modality
};

/// The name that files and options use.
const char* to_string(MdsObjective objective);
/// The name that files and options use.
const char* to_string(MdsStart start);

/// Weights of the losses over the three blocks of distances. A loss of weight 0 is not computed.
struct MdsBlocks {
  float image_image = 0;  ///< between images
  float text_text = 0;    ///< between texts
  float image_text = 0;   ///< between an image and a text
};

/// How a map is built and trained.
struct NeuralMdsOptions : TrainingOptions {
  /// Defaults: 200 epochs of steps_per_epoch steps; a rate of 4e-3 (of Adam) that falls to 0 along
  /// a cosine. With a validation split (inner_share) a second file, CHECKPOINT.inner, lies beside
  /// the checkpoint.
  NeuralMdsOptions()
      : TrainingOptions{.epochs = 200, .rate = 4e-3, .schedule = {.kind = Schedule::cosine}} {}

  MdsObjective objective = MdsObjective::isotonic;  ///< the property that it keeps
  std::int64_t dim = 64;                            ///< D'
  std::int64_t hidden = 512;          ///< width of the hidden layer; 0 leaves a linear map
  bool network_per_modality = false;  ///< separate maps for images and texts
  MdsStart start = MdsStart::pca;     ///< the initial P
  /// Setting of the start paired_axes; chosen by its cross-validation where empty.
  std::optional<PairedAxesSetting> paired_axes = {};
  /// Weights of the losses.
  MdsBlocks blocks{.image_image = 0.05F, .text_text = 0.05F, .image_text = 1};

  // Quadruples of the isotonic objective.
  std::int64_t quads_per_epoch = 8'000'000;  ///< of the image-text block; the others take a quarter
  QuadDraw draw = QuadDraw::query;  ///< in the image-text block; the others are drawn uniformly
  /// The nearer one of a query's two candidates is among this many nearest. Fewer keep more of
  /// top-1, more keep more of the order.
  std::int64_t near = 5;
  /// Takes all quadruples of the image-text block at every step and draws none; `near` 0 then
  /// stands for any candidate. The other blocks draw theirs. The gradient has no noise, but a step
  /// with near 0 or a draw of all takes many times longer, and 8 n^2 bytes of ranks are kept.
  bool every_quadruple = false;
  float margin = 0.01F;  ///< in units of the distance of two unrelated rows

  std::int64_t steps_per_epoch = 2;  ///< each over all rows

  /// For maps of new rows: the share of the pairs in a validation split that chooses the epochs,
  /// by the mean reciprocal rank of retrieval among them. The map is then fitted to all pairs for
  /// that number, which may be 0 (the start). 0 fits the rows themselves. Pairs whose images or
  /// texts are equal (equal_row_groups) stay on the same side.
  double inner_share = 0;
  std::int64_t patience = 10;  ///< epochs without a better rank after which the choice is made
};

/// Neural multidimensional scaling: a network g from the D dimensions of an embedding space to D'
/// that keeps its distances (isometric) or their order (isotonic), and maps new rows:
///   g(x) = P x' + B relu(A x' + a),   x' = (x - mean of its modality) / rms,
/// with P the start and B = 0 at first, so that training begins with the quality of the start.
///
/// Losses, on a step's codes g of all rows:
/// - isotonic, image-text: quad_hinge_loss on unit codes, as retrieval compares them by cosine;
///   drawn by query, image to texts and text to images; or full_quad_hinge_loss, with none drawn.
///   Within a modality: on the codes as they are, drawn uniformly.
/// - isometric: stress_loss on the codes as they are. Across modalities the target distances are
///   those of the rows centred per modality, so that no capacity is spent on the gap between them.
///
/// Deterministic: yes; the same seed (the context's), data and device give the same bytes for any
/// number of threads, and after a resume.
class NeuralMds {
 public:
  /// @param images [n, D]  @param texts [n, D]: unit rows, paired row by row; only the validation
  ///   split and the start paired_axes use the pairing
  /// @throws Error if the shapes differ, there are fewer than two pairs, a value is not finite, all
  ///   points are equal, dim is not in 1 ... D, or the checkpoint is of another model; NotConverged
  ///   if the loss became non-finite at every learning rate tried.
  static NeuralMds fit(Context& context, MatrixView<const float> images,
                       MatrixView<const float> texts, const NeuralMdsOptions& options);
  /// @throws Error for a file that is not a clipk neural_mds model.
  static NeuralMds load(Context& context, const std::filesystem::path& path);

  /// Moves the map; the other one can then only be assigned to or destroyed.
  NeuralMds(NeuralMds&&) noexcept;
  /// Like the move constructor.
  NeuralMds& operator=(NeuralMds&&) noexcept;
  ~NeuralMds();

  std::int64_t input_dim() const;  ///< D, columns of a row
  std::int64_t dim() const;        ///< D', columns of a code
  /// Epochs that the weights were trained for: options.epochs, or the choice on the validation
  /// split.
  std::int64_t epochs() const;
  /// Mean loss of every epoch.
  const std::vector<double>& losses() const;

  /// @param rows [m, D] of the modality, seen or not, on any device
  /// @returns [m, D'] on the context's device, in the units of the rows; not normalised
  /// @throws Error if the width differs. Deterministic: yes.
  Matrix<float> transform(Context& context, MatrixView<const float> rows, Modality modality) const;
  /// Saves the map. Atomic: after an error an older file is unchanged.
  void save(Context& context, const std::filesystem::path& path) const;

 private:
  struct Impl;
  explicit NeuralMds(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipk
