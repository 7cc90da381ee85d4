#include "train/checkpoint.hpp"

#include <cmath>
#include <limits>
#include <optional>
#include <sstream>

namespace clipk::train {
namespace {

// The problem and the options that decide the bytes of the result.
std::string fingerprint(const Context& context, const TrainerOptions& o,
                        const TrainingProblem& problem) {
  std::ostringstream text;
  text.precision(9);
  text << problem.fingerprint() << ", seed " << context.seed() << ", ";
  if (o.batch > 0 && problem.rows() > 0) {
    text << "batch " << o.batch;
  } else {
    text << o.steps_per_epoch << " steps an epoch";
  }
  text << ", " << to_string(o.optimizer);
  if (o.optimizer == Optimizer::adam) {
    text << " (" << o.adam.beta1 << ' ' << o.adam.beta2 << ' ' << o.adam.epsilon << ' '
         << o.adam.weight_decay << ')';
  } else {
    text << " (" << o.sgd.momentum << ' ' << o.sgd.weight_decay << ')';
  }
  text << ", rate " << o.rate << ' ' << to_string(o.schedule.kind);
  if (o.schedule.kind == Schedule::step) {
    text << " (" << o.schedule.every << ' ' << o.schedule.factor << ')';
  } else if (o.schedule.kind != Schedule::constant) {
    text << " to " << o.schedule.final_share << " in " << o.epochs << " epochs";
  }
  if (o.schedule.warmup_steps > 0) text << ", warm-up " << o.schedule.warmup_steps;
  if (o.clip_norm > 0) text << ", clipped at " << o.clip_norm;
  if (o.early_stopping.patience > 0) {
    text << ", patience " << o.early_stopping.patience << ' ' << o.early_stopping.min_delta;
  }
  return text.str();
}

template <class T>
MatrixView<T> as_row(VectorView<T> vector) {
  return {vector.data, 1, vector.size, vector.device};
}

// Moments may have overflowed float32, but none is NaN.
void read_moment(Context& context, const ArchiveReader& archive, const char* name, bool squares,
                 Matrix<float>& moment) {
  if (moment.empty()) return;
  Matrix<float> host(1, moment.cols());
  archive.read(name, host.view(), ArchiveValues::any);
  for (const float value : host.flat()) {
    if (std::isnan(value) || (squares && value < 0)) {
      archive.fail("entry '" + std::string(name) + (squares ? "' of squares" : "' of numbers"),
                   std::to_string(value));
    }
  }
  copy<float>(context, host, moment.view());
}

}  // namespace

void save_checkpoint(Context& context, const CheckpointFile& file, const TrainerOptions& options,
                     TrainingProblem& problem, const TrainerState& state) {
  file.write(fingerprint(context, options, problem), [&](ArchiveWriter& archive) {
    archive.add("epoch", state.epoch);
    archive.add("step", state.step);
    if (state.restarts > 0) archive.add("restarts", state.restarts);
    archive.add("best_epoch", state.best_epoch);
    archive.add("best_loss", state.best_loss);
    archive.add("loss", state.loss);
    archive.add("held_out_loss", state.held_out_loss);
    add_array(context, archive, "parameters", as_row(problem.parameters()));
    add_array(context, archive, "first_moment", state.first_moment);
    add_array(context, archive, "second_moment", state.second_moment);
    add_array(context, archive, "best", state.best);
    problem.save_state(context, archive);
  });
}

bool load_checkpoint(Context& context, const CheckpointFile& file, const TrainerOptions& options,
                     TrainingProblem& problem, TrainerState& state) {
  if (!file.wanted()) return false;
  const std::optional<ArchiveReader> found = file.read(fingerprint(context, options, problem));
  if (!found) return false;
  const ArchiveReader& archive = *found;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  state.restarts = archive.has("restarts") ? archive.number<std::int64_t>("restarts", 1, kMost) : 0;
  if (state.restarts > options.restarts) {
    archive.fail("a checkpoint of at most " + std::to_string(options.restarts) + " restarts",
                 "one of " + std::to_string(state.restarts));
  }
  state.loss = archive.vector<double>("loss");
  const auto epochs = static_cast<std::int64_t>(state.loss.size());  // one mean loss each
  state.epoch = archive.number<std::int64_t>("epoch", epochs, epochs);
  state.step = archive.number<std::int64_t>("step", 0, epochs == 0 ? 0 : kMost);
  if (epochs > 0 && state.step % epochs != 0) {
    archive.fail("steps of " + std::to_string(epochs) + " whole epochs",
                 std::to_string(state.step));
  }
  state.held_out_loss = archive.vector<double>("held_out_loss");
  const auto looks = static_cast<std::int64_t>(state.held_out_loss.size());
  if (looks > 0) archive.expect_vector<double>("held_out_loss", epochs + 1);  // the start is one
  state.best_epoch = archive.number<std::int64_t>("best_epoch", 0, epochs);
  state.best_loss = archive.number<double>("best_loss");
  const auto best = static_cast<std::size_t>(state.best_epoch);
  if (looks > 0 && state.best_loss != state.held_out_loss[best]) {
    archive.fail("a best_loss as after epoch " + std::to_string(best),
                 std::to_string(state.best_loss));
  }
  read_array(context, archive, "parameters", as_row(problem.parameters()));
  read_moment(context, archive, "first_moment", false, state.first_moment);
  read_moment(context, archive, "second_moment", true, state.second_moment);
  read_array(context, archive, "best", state.best);
  problem.load_state(context, archive);
  return true;
}

}  // namespace clipk::train
