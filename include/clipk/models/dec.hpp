#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/models/autoencoder.hpp"
#include "clipk/models/manifold_denoising.hpp"
#include "clipk/ops/soft_assignment.hpp"
#include "clipk/ops/target_distribution.hpp"
#include "clipk/train/progress.hpp"
#include "clipk/train/schedule.hpp"
#include "clipk/train/trainer.hpp"

namespace clipk {

/// When a clustering counts as collapsed, and the response.
struct DecGuard {
  /// There is an alarm when the points of a cluster (by the largest q) or its soft mass (the mean
  /// of its q) fall below this share of 1 / k, or of the smallest at the start if that is less.
  double least_mass = 0.1;
  /// There is also an alarm when two centres come closer than this share of the smallest distance
  /// at the start.
  double least_distance = 0.1;
  std::int64_t most_alarms = 3;  ///< after this many the training stops, at the last healthy update
  double rate_factor = 0.3;      ///< of the learning rate after each alarm, in (0, 1)
};

/// The state of a clustering at an update of the target, over all rows.
struct DecUpdate {
  std::int64_t update = 0;  ///< from 0, the start, over the whole run
  std::int64_t step = 0;    ///< training steps up to this state
  double rate = 0;          ///< learning rate of the steps before it; 0 at the start
  /// Share of the rows whose label differs from the last healthy update's; 1 at the start.
  double label_change = 1;
  double loss = 0;        ///< mean loss of the steps since the last healthy update; 0 at the start
  double divergence = 0;  ///< KL(P||Q), the mean over the rows, under the new target
  std::vector<double> masses;           ///< [k] mean of q over the rows
  std::vector<double> shares;           ///< [k] of the rows by their largest q
  double smallest_centre_distance = 0;  ///< Euclidean, between the two nearest
  double entropy = 0;        ///< of q, the mean over the rows in nats; log k: q is uniform
  bool alarm = false;        ///< collapsed: see DecGuard
  bool rolled_back = false;  ///< the state of the last healthy update was put back
};

/// The reason why a training ended.
enum class DecStop : std::uint8_t {
  labels_settled,  ///< the label change fell below the tolerance
  max_steps,       ///< the most that the options allow
  collapsed,       ///< too many alarms
};
/// The name that files and messages use.
const char* to_string(DecStop stop);

/// How DEC is started, trained and monitored.
struct DecOptions {
  std::int64_t k = 10;         ///< clusters
  std::int64_t restarts = 20;  ///< of the k-means for the initial centres
  /// That k-means clusters the codes after this denoising; the initial centres are the means of the
  /// original codes. 0 iterations: k-means of the codes.
  ManifoldDenoisingOptions denoising = {.iterations = 0};
  /// Under von_mises_fisher codes and centres are scaled to length one first.
  SoftAssignmentOptions soft = {};
  bool balanced = false;               ///< balanced_target in place of target_distribution
  BalancedTargetOptions balance = {};  ///< of balanced_target

  double gamma = 1;  ///< weight of the clustering loss, KL(P||Q) as a mean over rows
  /// IDEC: weight of the mean squared error of the reconstruction; the decoder is then trained too.
  double reconstruction = 0;

  std::int64_t batch = 256;            ///< batch size
  std::int64_t update_interval = 140;  ///< steps between two updates of the target
  std::int64_t max_steps = 20'000;     ///< after which training ends in any case
  double tolerance = 1e-3;             ///< of the label change since the last update; 0: not used

  Optimizer optimizer = Optimizer::sgd;  ///< of encoder, centres and decoder
  double rate = 0.01;                    ///< before the schedule and the guard's cuts
  float momentum = 0.9F;                 ///< of sgd
  ScheduleOptions schedule = {};         ///< of the learning rate

  DecGuard guard = {};  ///< against collapse

  /// Written every `checkpoint_every` updates and at the end. If it exists, the training resumes
  /// from it and gives the same bytes. The caller removes it.
  std::filesystem::path checkpoint;
  std::int64_t checkpoint_every = 1;  ///< updates
  /// Called after every step and update; an epoch is the steps from one update to the next.
  std::function<void(const Progress&)> progress;
  std::function<void(const DecUpdate&)> on_update;
};

/// Deep embedded clustering: the encoder of an autoencoder and k centres among its codes,
/// trained together to minimise KL(P||Q), where Q are the soft assignments of codes to centres
/// and the target P sharpens them. P is computed from all rows at every update and stays
/// constant until the next.
///
/// Mini-batches are shuffled anew each time all rows have been seen; the last one may be shorter,
/// but is never empty. Every update checks the clustering (DecUpdate); when it collapses
/// (DecGuard) the state of the last healthy update is restored, optimizer included, and the
/// learning rate is cut.
///
/// Deterministic: yes; the same seed (the context's), data and device give the same bytes for any
/// number of threads, and after a resume.
/// Sources: Xie, Girshick and Farhadi, ICML 2016 (DEC); Guo et al., IJCAI 2017 (IDEC).
class Dec {
 public:
  /// @param rows [n, d] on any device: those that `pretrained` was trained on, or similar ones
  /// @param pretrained gives the initial encoder and decoder; it is copied
  /// @throws Error if the widths differ, a value is not finite, k is below 2, above the number of
  ///   rows or of distinct codes, an option makes no sense, or the checkpoint is of another model.
  static Dec fit(Context& context, MatrixView<const float> rows, const Autoencoder& pretrained,
                 const DecOptions& options);
  /// @throws Error for a file that is not a clipk dec model.
  static Dec load(Context& context, const std::filesystem::path& path);

  /// Moves the model; the other one can then only be assigned to or destroyed.
  Dec(Dec&&) noexcept;
  /// Like the move constructor.
  Dec& operator=(Dec&&) noexcept;
  ~Dec();

  std::int64_t k() const;                                 ///< clusters
  std::int64_t input_dim() const;                         ///< columns of a row
  std::int64_t code_dim() const;                          ///< columns of a code
  RowScaling scaling() const;                             ///< of rows, taken from the autoencoder
  const SoftAssignmentOptions& soft() const;              ///< the kernel of q
  const Matrix<float>& centres() const;                   ///< [k, code], on the host
  const std::vector<std::int32_t>& labels() const;        ///< [n] of the fit's rows: the largest q
  const std::vector<std::int32_t>& start_labels() const;  ///< [n] of the k-means at the start
  const std::vector<DecUpdate>& history() const;          ///< every update, including those undone
  DecStop stop() const;                                   ///< why the training ended
  std::int64_t steps() const;                             ///< up to the model's state
  std::int64_t alarms() const;                            ///< times the training was rolled back
  /// Whether it ended because of too many alarms.
  bool collapsed() const { return stop() == DecStop::collapsed; }

  /// @param rows [m, d], seen or not, on any device
  /// @returns [m, code] on the context's device, of length one under von_mises_fisher
  /// @throws Error if the width differs.
  Matrix<float> encode(Context& context, MatrixView<const float> rows) const;
  /// q [m, k] on the context's device.
  Matrix<float> assign(Context& context, MatrixView<const float> rows) const;
  /// The cluster of the largest q; among ties the lower one.
  std::vector<std::int32_t> predict(Context& context, MatrixView<const float> rows) const;
  /// The mean over all values of (scaled row - its reconstruction)^2; 0 if there are no rows.
  double reconstruction_error(Context& context, MatrixView<const float> rows) const;

  /// Saves networks, centres, labels and history. Atomic: after an error an older file
  /// is unchanged.
  void save(Context& context, const std::filesystem::path& path) const;

 private:
  struct Impl;
  explicit Dec(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipk
