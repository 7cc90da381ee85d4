#include "clipk/train/trainer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <sstream>
#include <utility>

#include "clipk/core/matrix.hpp"
#include "clipk/core/random.hpp"
#include "clipk/ops/clip_norm.hpp"
#include "core/check.hpp"
#include "train/check_training.hpp"
#include "train/checkpoint.hpp"
#include "train/optimizer.hpp"
#include "train/progress_clock.hpp"
#include "train/rate_table.hpp"
#include "train/shuffled_batches.hpp"
#include "train/step_graph.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "trainer";
constexpr auto kBetweenSaves = std::chrono::seconds(5);
constexpr int kShareOfSaves = 20;  // saving may take 1 / 20 of the time

void require(bool holds, const std::string& expected, const std::string& got) {
  if (!holds) check::fail(kName, expected, got);
}

// Factor of the rate at a restart. It is small because a training that diverges ends soon, and one
// at a rate just below a diverging one is poor too.
constexpr double kRateFactor = 0.25;

// Omits the sign of a NaN, which depends on the processor.
std::string text_of(double value) {
  if (std::isnan(value)) return "nan";
  std::ostringstream text;
  text << value;
  return text.str();
}

void check_options(const TrainerOptions& o) {
  const auto at_least = [](const char* name, std::int64_t least, std::int64_t value) {
    train::check_at_least(kName, name, least, value);
  };
  train::check_training(kName, o);
  at_least("batch", 0, o.batch);
  at_least("steps_per_epoch", 1, o.steps_per_epoch);
  at_least("restarts", 0, o.restarts);
  at_least("checkpoint_every", 1, o.checkpoint_every);
  at_least("early_stopping.patience", 0, o.early_stopping.patience);
  require(o.clip_norm >= 0, "clip_norm of at least 0", std::to_string(o.clip_norm));
}

}  // namespace

std::optional<std::string> TrainingProblem::failure(Context&, const std::vector<double>& losses) {
  constexpr double kMostGrowth = 4;
  if (losses.empty() || !(losses.front() > 0) || losses.back() <= kMostGrowth * losses.front()) {
    return std::nullopt;
  }
  return "expected a loss that falls, got " + text_of(losses.back()) + " after " +
         text_of(losses.front()) + " in epoch 1";
}

struct Trainer::Impl {
  Impl(Context& context_, TrainingProblem& problem_, TrainerOptions options_);

  TrainingResult run();
  std::optional<std::string> train(bool& saved);
  void begin_again(const std::string& reason);
  double rate() const;
  std::optional<std::string> run_epoch();
  void run_step(std::int64_t s);
  void optimize(const Batch& batch, VectorView<double> step_loss);
  double epoch_loss();
  std::optional<std::string> evaluate();
  std::optional<std::string> parameters_failure();
  std::vector<double> losses_to_judge() const;
  bool should_stop() const;
  bool checkpoint_is_due() const;
  void save();
  void report(bool epoch_end, bool done);

  Context& context;
  TrainingProblem& problem;
  TrainerOptions options;

  std::optional<train::ShuffledBatches> batches;  // empty: steps without a batch of rows
  std::int64_t epoch_steps = 0;
  std::int64_t total_steps = 0;

  train::TrainerState state;  // content of a checkpoint, with moments and best parameters
  train::CheckpointFile checkpoint;
  train::RateTable rates;
  Matrix<float> first;  // the parameters that a restart begins from; empty without restarts
  Matrix<double> loss;  // sum over the full steps, and that of the shorter one
  train::StepGraph graph;
  train::ProgressClock clock;
  std::chrono::steady_clock::time_point last_save;
  std::chrono::steady_clock::duration save_time{};
};

Trainer::Impl::Impl(Context& context_, TrainingProblem& problem_, TrainerOptions options_)
    : context(context_),
      problem(problem_),
      options(std::move(options_)),
      checkpoint(options.checkpoint, train::kTrainerCheckpoint),
      graph(options.graph && problem.capturable()) {
  check_options(options);
  const std::int64_t parameters = problem.parameters().size;
  require(problem.gradients().size == parameters, "gradients of size " + std::to_string(parameters),
          std::to_string(problem.gradients().size));
  require(problem.rows() >= 0, "at least 0 rows", std::to_string(problem.rows()));
  if (options.batch > 0 && problem.rows() > 0) {
    options.batch = std::min(options.batch, problem.rows());
    batches.emplace(context, problem.rows(), options.batch, RandomStream::shuffle);
  }
  epoch_steps = batches ? batches->steps_per_epoch() : options.steps_per_epoch;
  total_steps = epoch_steps * options.epochs;

  state.first_moment = Matrix<float>(context, 1, parameters);
  if (options.optimizer == Optimizer::adam) {
    state.second_moment = Matrix<float>(context, 1, parameters);
  }
  if (options.early_stopping.patience > 0) state.best = Matrix<float>(context, 1, parameters);
  if (options.restarts > 0) first = Matrix<float>(context, 1, parameters);
  rates = train::RateTable(context, options.adam, epoch_steps);
  loss = Matrix<double>(context, 1, 2);
}

double Trainer::Impl::rate() const {
  double result = options.rate;
  for (std::int64_t r = 0; r < state.restarts; ++r) result *= kRateFactor;
  return result;
}

void Trainer::Impl::optimize(const Batch& batch, VectorView<double> step_loss) {
  problem.step(context, batch, step_loss);
  const ParameterSlice parameters{problem.parameters(), problem.gradients()};
  if (options.clip_norm > 0) clip_norm(context, options.clip_norm, parameters.gradients);
  train::update_parameters(context, options.optimizer, options.adam, options.sgd, rates, parameters,
                           state.first_moment.flat(), state.second_moment.flat());
}

void Trainer::Impl::run_step(std::int64_t s) {
  rates.select(context, s);
  const std::int64_t step = state.epoch * epoch_steps + s;
  Batch batch;
  batch.step = rates.step();
  if (batches) batch.rows = batches->select(context, step);
  const bool full = !batches || batches->full(step);
  const VectorView<double> step_loss = loss.flat().slice(full ? 0 : 1, 1);
  if (full) {
    graph.run(context, [&] { optimize(batch, step_loss); });
  } else {
    optimize(batch, step_loss);
  }
}

double Trainer::Impl::epoch_loss() {
  double sums[2];
  copy<double>(context, loss.flat(), VectorView<double>(sums, 2));
  if (!batches) return sums[0] / static_cast<double>(epoch_steps);
  const std::int64_t rows = problem.rows(), rest = rows % options.batch;
  return (sums[0] * static_cast<double>(options.batch) + sums[1] * static_cast<double>(rest)) /
         static_cast<double>(rows);
}

// Returns why the training has failed, or nothing.
std::optional<std::string> Trainer::Impl::run_epoch() {
  problem.begin_epoch(context, state.epoch);
  rates.upload(context, state.epoch * epoch_steps, epoch_steps, [&](std::int64_t step) {
    return rate() * schedule_share(options.schedule, step, total_steps, epoch_steps);
  });
  fill_zero(context, loss.view());
  for (std::int64_t s = 0; s < epoch_steps; ++s) {
    run_step(s);
    clock.count_step();
    ++state.step;
    if (s + 1 < epoch_steps) report(false, false);
  }
  const double mean = epoch_loss();
  ++state.epoch;
  if (!std::isfinite(mean)) {
    return "expected a finite loss, got " + text_of(mean) + " in epoch " +
           std::to_string(state.epoch);
  }
  state.loss.push_back(mean);
  return evaluate();
}

// Computes the held-out loss and whether it is the best so far. Returns why the training has
// failed, or nothing.
std::optional<std::string> Trainer::Impl::evaluate() {
  const std::optional<double> value = problem.held_out_loss(context);
  if (!value) {
    require(options.early_stopping.patience == 0, "a held-out loss for early stopping", "none");
    return std::nullopt;
  }
  if (!std::isfinite(*value)) {
    return "expected a finite held-out loss, got " + text_of(*value) + " after epoch " +
           std::to_string(state.epoch);
  }
  const bool none_before = state.held_out_loss.empty();
  state.held_out_loss.push_back(*value);
  if (none_before || *value < state.best_loss - options.early_stopping.min_delta) {
    state.best_loss = *value;
    state.best_epoch = state.epoch;
    if (!state.best.empty()) copy<float>(context, problem.parameters(), state.best.flat());
  }
  return std::nullopt;
}

// The last step of an epoch may make parameters not finite without any loss showing it. Such
// parameters stay not finite, so the training fails in the same way whenever this is checked.
std::optional<std::string> Trainer::Impl::parameters_failure() {
  Matrix<float> values(1, problem.parameters().size);
  copy<float>(context, problem.parameters(), values.flat());
  const VectorView<float> flat = values.flat();
  const float* const odd =
      std::find_if(flat.begin(), flat.end(), [](float value) { return !std::isfinite(value); });
  if (odd == flat.end()) return std::nullopt;
  return "expected finite parameters, got " + text_of(*odd) + " after epoch " +
         std::to_string(state.epoch);
}

// The parameters that are returned are those of the best epoch.
std::vector<double> Trainer::Impl::losses_to_judge() const {
  if (state.best.empty() || state.best_epoch == 0) return state.loss;
  return {state.loss.begin(), state.loss.begin() + state.best_epoch};
}

bool Trainer::Impl::should_stop() const {
  const std::int64_t patience = options.early_stopping.patience;
  return patience > 0 && state.epoch - state.best_epoch >= patience;
}

// A checkpoint is due after a long epoch, unless writing files takes too large a share of the time.
bool Trainer::Impl::checkpoint_is_due() const {
  const auto now = std::chrono::steady_clock::now();
  return now - last_save >
         std::max<std::chrono::steady_clock::duration>(kBetweenSaves, kShareOfSaves * save_time);
}

void Trainer::Impl::save() {
  const auto began = std::chrono::steady_clock::now();
  train::save_checkpoint(context, checkpoint, options, problem, state);
  last_save = std::chrono::steady_clock::now();
  save_time = last_save - began;
}

void Trainer::Impl::report(bool epoch_end, bool done) {
  if (!options.progress) return;
  Progress p;
  p.epoch = state.epoch;
  p.epochs = options.epochs;
  p.step = state.step;
  p.steps = total_steps;
  if (!state.loss.empty()) p.loss = state.loss.back();
  if (!state.held_out_loss.empty()) p.held_out_loss = state.held_out_loss.back();
  p.rate = rates.rate();
  p.seconds = clock.seconds();
  p.seconds_left = clock.seconds_left(total_steps - state.step);
  p.epoch_end = epoch_end;
  p.done = done;
  options.progress(p);
}

// Trains from the current state to the end. Returns why it has failed, or nothing.
std::optional<std::string> Trainer::Impl::train(bool& saved) {
  if (state.step == 0 && state.held_out_loss.empty()) {
    if (auto reason = evaluate()) return reason;
  }
  while (state.epoch < options.epochs && !should_stop()) {
    if (auto reason = run_epoch()) return reason;
    const bool last = state.epoch == options.epochs || should_stop();
    const bool save_now =
        checkpoint.wanted() &&
        (last || state.epoch % options.checkpoint_every == 0 || checkpoint_is_due());
    if (last || save_now) {
      if (auto reason = parameters_failure()) return reason;
    }
    if (last) {
      if (auto reason = problem.failure(context, losses_to_judge())) return reason;
    }
    saved = save_now;
    if (saved) save();
    try {
      report(true, last);
    } catch (...) {  // the progress callback ends the training: the state is kept
      if (!saved && checkpoint.wanted() && !parameters_failure()) save();
      throw;
    }
  }
  return std::nullopt;
}

// Restarts at a lower rate, or throws.
void Trainer::Impl::begin_again(const std::string& reason) {
  if (state.restarts >= options.restarts) {
    std::ostringstream text;
    text << "trainer: " << reason;
    if (options.restarts > 0) {
      text << ": did not converge at any rate from " << options.rate << " down to " << rate();
    }
    throw NotConverged(text.str());
  }
  fill_zero(context, state.first_moment.view());
  fill_zero(context, state.second_moment.view());
  train::TrainerState fresh;
  fresh.restarts = state.restarts + 1;
  fresh.first_moment = std::move(state.first_moment);
  fresh.second_moment = std::move(state.second_moment);
  fresh.best = std::move(state.best);
  state = std::move(fresh);
  copy<float>(context, first.flat(), problem.parameters());
}

TrainingResult Trainer::Impl::run() {
  clock.start();
  last_save = std::chrono::steady_clock::now();
  if (!first.empty()) copy<float>(context, problem.parameters(), first.flat());
  bool saved = train::load_checkpoint(context, checkpoint, options, problem, state);
  while (const auto reason = train(saved)) begin_again(*reason);
  if (!saved && checkpoint.wanted()) save();
  if (!state.best.empty()) copy<float>(context, state.best.flat(), problem.parameters());
  context.synchronize();

  TrainingResult result;
  result.epochs = state.epoch;
  result.steps = state.step;
  result.stopped_early = should_stop() && state.epoch < options.epochs;
  result.best_epoch = state.best_epoch;
  result.best_held_out_loss = state.best_loss;
  result.loss = state.loss;
  result.held_out_loss = state.held_out_loss;
  result.restarts = state.restarts;
  result.rate = rate();
  result.seconds = clock.seconds();
  return result;
}

Trainer::Trainer(Context& context, TrainingProblem& problem, TrainerOptions options)
    : impl_(std::make_unique<Impl>(context, problem, std::move(options))) {}
Trainer::~Trainer() = default;

TrainingResult Trainer::run() {
  return impl_->run();
}

std::int64_t Trainer::graph_steps() const {
  return impl_->graph.replays();
}

}  // namespace clipk
