#include "models/autoencoder/autoencoder_stages.hpp"

#include <algorithm>
#include <limits>
#include <system_error>
#include <utility>

namespace clipk {
namespace {

std::filesystem::path layer_file(const AutoencoderOptions& options, int layer) {
  std::filesystem::path file = options.checkpoint;
  if (!file.empty()) file += ".layer" + std::to_string(layer);
  return file;
}

// The options of a stage: stages 0 ... layers - 1 train one layer each, stage `layers` the
// whole network.
TrainerOptions trainer_options(const AutoencoderOptions& options, std::int64_t rows, int stage,
                               int layers) {
  const bool whole = stage == layers;
  TrainerOptions trainer{options};
  if (!whole) trainer.epochs = options.layer_epochs;
  trainer.batch = options.batch;
  trainer.optimizer = options.optimizer;
  trainer.sgd.momentum = options.momentum;
  if (!whole) trainer.checkpoint = layer_file(options, stage);
  trainer.checkpoint_every = options.checkpoint_every;
  if (!options.progress) return trainer;
  // Progress is counted over all stages; the remaining time is known only in the last one.
  const std::int64_t before = stage * options.layer_epochs;
  const std::int64_t epochs = layers * options.layer_epochs + options.epochs;
  const std::int64_t batch = std::min(options.batch, rows);
  const std::int64_t epoch_steps = (rows + batch - 1) / batch;
  trainer.progress = [=, report = options.progress](Progress p) {
    p.epoch += before;
    p.epochs = epochs;
    p.step += before * epoch_steps;
    p.steps = epochs * epoch_steps;
    p.done = p.done && whole;
    if (!whole) p.seconds_left = std::numeric_limits<double>::quiet_NaN();
    report(p);
  };
  return trainer;
}

}  // namespace

AutoencoderTraining train_autoencoder(Context& context, const AutoencoderRows& rows,
                                      const AutoencoderOptions& options,
                                      AutoencoderNetwork& network) {
  const int layers = options.layer_epochs > 0 ? network.encoder().layers() : 0;
  AutoencoderTraining result;
  std::error_code error;  // the trainer reports a file that cannot be accessed
  const bool resumed =
      !options.checkpoint.empty() && std::filesystem::exists(options.checkpoint, error);
  for (int layer = 0; layer < layers; ++layer) {
    // The layers' files are needed while the whole network may restart from its layers; they are
    // removed once it is trained.
    if (resumed && !std::filesystem::exists(layer_file(options, layer), error)) continue;
    LayerProblem problem(context, rows, options, network, layer);
    Trainer trainer(context, problem, trainer_options(options, rows.view().rows, layer, layers));
    result.layer_losses.push_back(trainer.run().loss);
    problem.put_into(context, network);
  }
  AutoencoderProblem whole(context, rows, options, network, result.layer_losses);
  Trainer trainer(context, whole, trainer_options(options, rows.view().rows, layers, layers));
  result.losses = trainer.run().loss;
  for (int layer = 0; layer < layers && !options.checkpoint.empty(); ++layer) {
    std::filesystem::remove(layer_file(options, layer), error);
  }
  return result;
}

}  // namespace clipk
