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

/// Thrown where a training does not converge at any rate that was tried: nothing is wrong with the
/// arguments, and other models of the same rows may well be fitted.
class NotConverged : public Error {
 public:
  using Error::Error;
};

/// What one step works on.
struct Batch {
  /// [b] on the device: the rows of this step. Empty: all rows in their order, or a problem that
  /// draws samples of its own.
  VectorView<const std::int32_t> rows;
  /// [1] on the device: the number of this step, from 0 over all epochs (what quad_hinge_loss
  /// takes).
  VectorView<const std::uint64_t> step;
};

/// What a Trainer trains: parameters, their gradients, and a loss.
class TrainingProblem {
 public:
  virtual ~TrainingProblem() = default;

  /// Both [p], contiguous on the context's device, and the same memory in every call.
  virtual VectorView<float> parameters() = 0;
  /// In the places of parameters().
  virtual VectorView<float> gradients() = 0;
  /// Rows that are shuffled into batches; 0 if the problem draws samples of its own.
  virtual std::int64_t rows() const = 0;

  /// Overwrites the gradients with those of the batch's mean loss, and adds that loss to `loss`
  /// [1]. On CUDA it is captured once and replayed: it must not depend on anything of the host that
  /// changes between steps, nor read back from the device; see capturable().
  virtual void step(Context& context, const Batch& batch, VectorView<double> loss) = 0;

  /// False for a step that cannot be captured into a CUDA graph; it is then run as it is.
  virtual bool capturable() const { return true; }
  /// The mean loss on rows that step never sees; nothing where there are none.
  virtual std::optional<double> held_out_loss(Context&) { return std::nullopt; }
  /// Runs before the first step of every epoch (from 0), for what changes more rarely than steps.
  virtual void begin_epoch(Context&, std::int64_t /*epoch*/) {}
  /// Asked once, when the last epoch has ended: why the trained parameters are of no use, as
  /// "expected ..., got ..."; nothing where they are. By default, where a loss above 0 has grown
  /// fourfold: it diverges, though it is finite yet.
  /// @param losses [epochs] mean loss; with early stopping up to the best epoch, if one is better
  /// than the start
  virtual std::optional<std::string> failure(Context& context, const std::vector<double>& losses);

  /// What is trained, on which data: "isometric 512-512-64 of 500 rows". A checkpoint of another
  /// fingerprint is refused.
  virtual std::string fingerprint() const = 0;
  /// State beside the parameters that a resumed training needs.
  virtual void save_state(Context&, ArchiveWriter&) const {}
  /// What save_state wrote, before the first step.
  virtual void load_state(Context&, const ArchiveReader&) {}
};

/// Which operation updates the parameters.
enum class Optimizer : std::uint8_t {
  adam,  ///< with AdamOptions
  sgd,   ///< with SgdOptions
};
/// The name that files and options use.
const char* to_string(Optimizer optimizer);
/// By the name that to_string gives. @throws Error that lists the names.
Optimizer optimizer_named(std::string_view name);

/// Stops when the held-out loss has not fallen by more than min_delta for `patience` epochs, and
/// puts the best parameters back, whichever way the training ends. The parameters before the first
/// epoch take part. Off while patience is 0.
struct EarlyStopping {
  std::int64_t patience = 0;  ///< epochs without a better loss; 0 for never
  double min_delta = 0;       ///< by which a loss has to be better
};

/// How a problem is trained.
struct TrainerOptions : TrainingOptions {
  std::int64_t batch = 256;  ///< rows a step, the last one of an epoch shorter; 0 takes all rows
  /// Steps an epoch where a step takes all rows or draws samples of its own.
  std::int64_t steps_per_epoch = 1;

  Optimizer optimizer = Optimizer::adam;  ///< of the parameters
  AdamOptions adam = {};                  ///< constants of Adam, where it is the optimizer
  SgdOptions sgd = {};                    ///< constants of SGD, where it is the optimizer
  float clip_norm = 0;                    ///< largest norm of a gradient; 0 for any
  /// A training that fails, as a loss or a parameter is not finite or by the problem's word, begins
  /// again from the same parameters at a quarter of the rate: at most so often.
  std::int64_t restarts = 8;

  EarlyStopping early_stopping = {};  ///< off by default
  /// Epochs after which the checkpoint is written; also after an epoch that ends more than some
  /// seconds after the last time, and at the end.
  std::int64_t checkpoint_every = 1;

  bool graph = true;  ///< CUDA: capture the step into a graph
};

/// How a training went.
struct TrainingResult {
  std::int64_t epochs = 0;        ///< that were run, those before a checkpoint included
  std::int64_t steps = 0;         ///< that were run, likewise
  bool stopped_early = false;     ///< before the last epoch
  std::int64_t best_epoch = 0;    ///< epochs after which the held-out loss was best; 0 is the start
  double best_held_out_loss = 0;  ///< 0 without held-out data
  std::vector<double> loss;       ///< [epochs] mean loss
  std::vector<double> held_out_loss;  ///< [epochs + 1], the first before training; or empty
  std::int64_t restarts = 0;          ///< trainings that failed before this one
  double rate = 0;                    ///< that it was trained at, before the schedule
  double seconds = 0;                 ///< of this run
};

/// Trains a problem: shuffled mini-batches, a learning-rate schedule, Adam or SGD, early stopping,
/// checkpoints. The same seed (the context's) and data give the same bytes. After the first step
/// of each size of batch nothing is allocated.
class Trainer {
 public:
  /// @throws Error if an option makes no sense. The problem and the context must outlive it.
  Trainer(Context& context, TrainingProblem& problem, TrainerOptions options);
  ~Trainer();

  /// Trains to the end. @throws NotConverged when the last of the restarts fails too, with the
  /// reason and the rates; Error for a checkpoint of another problem or other options: "expected a
  /// checkpoint of ..., got ...".
  TrainingResult run();

  /// Steps that were replayed from a CUDA graph.
  std::int64_t graph_steps() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipk
