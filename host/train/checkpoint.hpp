#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/train/trainer.hpp"
#include "train/checkpoint_file.hpp"

namespace clipk::train {

/// All that a training needs to resume, beside the problem's parameters. Random numbers are
/// addressed by seed, epoch and step, so counters are their state.
struct TrainerState {
  std::int64_t epoch = 0;     // epochs completed
  std::int64_t step = 0;      // steps taken
  std::int64_t restarts = 0;  // restarts at a lower rate
  std::int64_t best_epoch = 0;
  double best_loss = 0;
  std::vector<double> loss, held_out_loss;
  Matrix<float> first_moment, second_moment;  // [1, parameters] or empty; velocity is the first
  Matrix<float> best;  // parameters of best_epoch; empty without early stopping
};

/// The kind of the file in messages.
inline constexpr const char* kTrainerCheckpoint = "trainer checkpoint";

/// Writes the state to the file.
void save_checkpoint(Context& context, const CheckpointFile& file, const TrainerOptions& options,
                     TrainingProblem& problem, const TrainerState& state);

/// Reads the state from the file; false where there is none.
/// @throws Error for a file that is no checkpoint, or a checkpoint of another problem or
/// other options.
bool load_checkpoint(Context& context, const CheckpointFile& file, const TrainerOptions& options,
                     TrainingProblem& problem, TrainerState& state);

}  // namespace clipk::train
