#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/error.hpp"
#include "clipk/core/view.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/ops/adam.hpp"
#include "clipk/ops/sgd.hpp"
#include "clipk/train/training_options.hpp"

namespace clipk {

/// Thrown if a training does not converge at any rate that was tried. The arguments are valid, and
/// other models may fit the same rows.
class NotConverged : public Error {
 public:
  using Error::Error;
};

/// The input of one step.
struct Batch {
  /// [b] on the device: the rows of this step. Empty: all rows in their order, or the problem draws
  /// its own samples.
  VectorView<const std::int32_t> rows;
  /// [1] on the device: the number of this step, from 0 over all epochs (what
  /// quad_hinge_loss takes).
  VectorView<const std::uint64_t> step;
};

/// The problem that a Trainer solves: parameters, their gradients, and a loss.
class TrainingProblem {
 public:
  virtual ~TrainingProblem() = default;

  /// Both [p], contiguous on the context's device, and the same memory in every call.
  virtual VectorView<float> parameters() = 0;
  /// The gradients, in the layout of parameters().
  virtual VectorView<float> gradients() = 0;
  /// Rows that are shuffled into batches; 0 if the problem draws its own samples.
  virtual std::int64_t rows() const = 0;

  /// Overwrites the gradients with those of the batch's mean loss, and adds that loss to `loss`
  /// [1]. On CUDA it is captured once and replayed: it must not depend on host values that change
  /// between steps, nor read back from the device; see capturable().
  virtual void step(Context& context, const Batch& batch, VectorView<double> loss) = 0;

  /// False for a step that cannot be captured into a CUDA graph; it is then run without a graph.
  virtual bool capturable() const { return true; }
  /// The mean loss on rows that step never uses; nothing where there are none.
  virtual std::optional<double> held_out_loss(Context&) { return std::nullopt; }
  /// Runs before the first step of every epoch (from 0), for work that is needed less often than
  /// every step.
  virtual void begin_epoch(Context&, std::int64_t /*epoch*/) {}
  /// Called once after the last epoch: why the trained parameters are unusable, as "expected ...,
  /// got ..."; nothing if they are usable. By default they are unusable if a loss above 0 has grown
  /// fourfold: it diverges, though it is still finite.
  /// @param losses [epochs] mean loss; with early stopping up to the best epoch, if an epoch is
  /// better than the start
  virtual std::optional<std::string> failure(Context& context, const std::vector<double>& losses);

  /// What is trained, on which data: "isometric 512-512-64 of 500 rows". A checkpoint with another
  /// fingerprint is refused.
  virtual std::string fingerprint() const = 0;
  /// Saves the state beside the parameters that a resumed training needs.
  virtual void save_state(Context&, ArchiveWriter&) const {}
  /// Restores the state that save_state wrote, before the first step.
  virtual void load_state(Context&, const ArchiveReader&) {}
};

/// The operation that updates the parameters.
enum class Optimizer : std::uint8_t {
  adam,  ///< with AdamOptions
  sgd,   ///< with SgdOptions
};
/// The name that files and options use.
const char* to_string(Optimizer optimizer);
/// The value of a name of to_string. @throws Error that lists the names.
Optimizer optimizer_named(std::string_view name);

/// Stops when the held-out loss has not fallen by more than min_delta for `patience` epochs, and
/// restores the best parameters however the training ends. The parameters before the first epoch
/// count as well. Off while patience is 0.
struct EarlyStopping {
  std::int64_t patience = 0;  ///< epochs without a better loss; 0 for never
  double min_delta = 0;       ///< least improvement of the loss
};

/// How a problem is trained.
struct TrainerOptions : TrainingOptions {
  std::int64_t batch = 256;  ///< batch size, the last batch of an epoch is shorter; 0: all rows
  /// Steps per epoch where a step takes all rows or draws its own samples.
  std::int64_t steps_per_epoch = 1;

  Optimizer optimizer = Optimizer::adam;  ///< of the parameters
  AdamOptions adam = {};                  ///< constants of Adam, where it is the optimizer
  SgdOptions sgd = {};                    ///< constants of SGD, where it is the optimizer
  float clip_norm = 0;                    ///< largest norm of a gradient; 0: no limit
  /// Most restarts. A training that fails (a loss or a parameter is not finite, or the problem
  /// reports a failure) begins again from the same parameters at a quarter of the rate.
  std::int64_t restarts = 8;

  EarlyStopping early_stopping = {};  ///< off by default
  /// Epochs between two writes of the checkpoint. It is also written after an epoch that ends more
  /// than some seconds after the last write, and at the end.
  std::int64_t checkpoint_every = 1;

  bool graph = true;  ///< CUDA: capture the step into a graph
};

/// The outcome of a training.
struct TrainingResult {
  std::int64_t epochs = 0;        ///< completed, those before a resume included
  std::int64_t steps = 0;         ///< taken, likewise
  bool stopped_early = false;     ///< before the last epoch
  std::int64_t best_epoch = 0;    ///< epochs after which the held-out loss was best; 0 is the start
  double best_held_out_loss = 0;  ///< 0 without held-out data
  std::vector<double> loss;       ///< [epochs] mean loss
  std::vector<double> held_out_loss;  ///< [epochs + 1], the first before training; or empty
  std::int64_t restarts = 0;          ///< trainings that failed before this one
  double rate = 0;                    ///< of the training, before the schedule
  double seconds = 0;                 ///< of this run
};

/// Trains a problem: shuffled mini-batches, a learning-rate schedule, Adam or SGD, early stopping,
/// checkpoints. The same seed (the context's) and data give the same bytes. After the first step of
/// each batch size nothing is allocated.
class Trainer {
 public:
  /// @throws Error if an option makes no sense. The problem and the context must outlive it.
  Trainer(Context& context, TrainingProblem& problem, TrainerOptions options);
  ~Trainer();

  /// Trains to the end. @throws NotConverged when the last of the restarts fails too, with the
  /// reason and the rates; Error for a checkpoint of another problem or other options: "expected a
  /// checkpoint of ..., got ...".
  TrainingResult run();

  /// Number of steps that were replayed from a CUDA graph.
  std::int64_t graph_steps() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipk
