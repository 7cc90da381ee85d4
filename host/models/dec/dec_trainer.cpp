#include "models/dec/dec_trainer.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include "clipk/models/kmeans.hpp"
#include "clipk/ops/gather_rows.hpp"
#include "models/rows_digest.hpp"
#include "train/optimizer.hpp"

namespace clipk {
namespace {

constexpr const char* kKind = "dec checkpoint";
constexpr AdamOptions kAdam;  // its defaults: DecOptions has none

}  // namespace

DecTrainer::DecTrainer(Context& context, MatrixView<const float> rows, const DecOptions& options,
                       DecNetwork& network)
    : context_(context),
      rows_(rows),
      options_(options),
      network_(network),
      batch_(std::min(options.batch, rows.rows)),
      checkpoint_(options.checkpoint, kKind),
      batches_(context, rows.rows, batch_, RandomStream::dec_shuffle),
      rates_(context, kAdam, options.update_interval) {
  const std::int64_t n = rows.rows, k = network.k(), size = trained().values.size;
  if (checkpoint_.wanted()) {
    const VectorView<float> all = network.networks().parameters().values;
    data_ = rows_digest(context, rows).substr(0, 16) + ", started from " +
            rows_digest(context, MatrixView<const float>(all.data, 1, all.size, all.device))
                .substr(0, 16);
  }
  network.plan(context, batch_);
  codes_ = Matrix<float>(context, n, network.code());
  q_ = Matrix<float>(context, n, k);
  p_ = Matrix<float>(context, n, k);
  x_ = Matrix<float>(context, batch_, rows.cols);
  batch_p_ = Matrix<float>(context, batch_, k);
  column_sums_ = Matrix<double>(context, 1, k);
  loss_ = Matrix<double>(context, 1, 1);
  divergence_ = Matrix<double>(context, 1, 1);
  const auto moment = [&] { return Matrix<float>(context, 1, size); };
  state_.parameters = moment();
  first_moment_ = moment();
  state_.first_moment = moment();
  if (options.optimizer == Optimizer::adam) {
    second_moment_ = moment();
    state_.second_moment = moment();
  }
}

ParameterSlice DecTrainer::trained() {
  return options_.reconstruction > 0 ? network_.networks().parameters()
                                     : network_.networks().parameters_without_decoder();
}

DecState DecTrainer::run() {
  clock_.start();
  if (load_checkpoint()) {
    put_back();
  } else {
    start();
  }
  while (!state_.done) {
    train(std::min(options_.update_interval, options_.max_steps - step_));
    update();
  }
  return std::move(state_);
}

// Sets the centres by k-means on the codes and computes the first update.
void DecTrainer::start() {
  network_.encode(context_, rows_, codes_);
  KMeansOptions options;
  options.k = network_.k();
  options.restarts = options_.restarts;
  options.spherical = network_.spherical();
  const bool denoises = options_.denoising.iterations > 0;
  const Matrix<float> clear =
      denoises ? denoise_manifold(context_, codes_, options_.denoising) : Matrix<float>();
  const KMeans kmeans = KMeans::fit(context_, denoises ? clear : codes_, options);
  state_.start_labels = kmeans.labels();
  Matrix<float> means;  // of the original codes, if denoised ones were clustered
  if (denoises) {
    const Matrix<double> exact =
        means_by_label(codes_.to_host(context_), kmeans.labels(), network_.k());
    means = Matrix<float>(exact.rows(), exact.cols());
    std::copy(exact.flat().begin(), exact.flat().end(), means.data());
  }
  copy<float>(context_, denoises ? means : kmeans.centres(), network_.raw_centres());
  update();
}

// Computes q over all rows, the target from it, and the results on the host.
DecView DecTrainer::look() {
  network_.encode(context_, rows_, codes_);
  const Matrix<float> centres = network_.centres(context_);
  const SoftAssignmentOptions& soft = network_.soft();
  soft_assignment(context_, codes_, centres, soft, q_, column_sums_.flat());
  if (options_.balanced) {
    balanced_target(context_, q_, options_.balance, p_, {});
  } else {
    target_distribution(context_, q_, column_sums_.flat(), p_);
  }
  fill_zero(context_, divergence_.view());
  soft_assignment_kl(context_, codes_, centres, soft, p_, {}, 1, divergence_.flat(), {}, {});
  DecView view = dec_view(context_, q_, column_sums_.flat(), centres);
  view.update.divergence = divergence_.to_host(context_)(0, 0);
  return view;
}

void DecTrainer::update() {
  DecView view = look();
  DecUpdate& u = view.update;
  u.update = static_cast<std::int64_t>(state_.history.size());
  u.step = step_;
  const std::int64_t steps = step_ - state_.step;
  if (steps > 0) {
    u.rate = rate_of(step_ - 1);
    u.loss = loss_.to_host(context_)(0, 0) / static_cast<double>(steps);
    u.label_change = label_change(state_.labels, view.labels);
  }
  if (!alarm_) alarm_.emplace(options_.guard, u);
  u.alarm = steps > 0 && alarm_->sounds(u);
  u.rolled_back = u.alarm;
  state_.history.push_back(u);
  if (u.alarm) {
    ++state_.alarms;
    state_.rate_cut *= options_.guard.rate_factor;
    if (state_.alarms >= options_.guard.most_alarms) {
      state_.done = true;
      state_.stop = DecStop::collapsed;
    }
  } else {
    keep_state(std::move(view.labels));
    if (steps > 0 && u.label_change < options_.tolerance) {
      state_.done = true;
      state_.stop = DecStop::labels_settled;
    } else if (step_ >= options_.max_steps) {
      state_.done = true;
    }
  }
  const auto updates = static_cast<std::int64_t>(state_.history.size());
  if (checkpoint_.wanted() && (state_.done || updates % options_.checkpoint_every == 0)) {
    save_checkpoint();
  }
  if (options_.on_update) options_.on_update(state_.history.back());
  if (u.alarm) put_back();
  report(true);
}

void DecTrainer::keep_state(std::vector<std::int32_t> labels) {
  state_.step = step_;
  state_.labels = std::move(labels);
  copy<float>(context_, trained().values, state_.parameters.flat());
  copy<float>(context_, first_moment_.flat(), state_.first_moment.flat());
  copy<float>(context_, second_moment_.flat(), state_.second_moment.flat());
}

void DecTrainer::put_back() {
  step_ = state_.step;
  copy<float>(context_, state_.parameters.flat(), trained().values);
  copy<float>(context_, state_.first_moment.flat(), first_moment_.flat());
  copy<float>(context_, state_.second_moment.flat(), second_moment_.flat());
  if (!state_.done) look();  // q and the target again, to the same bytes
}

double DecTrainer::rate_of(std::int64_t step) const {
  return options_.rate * state_.rate_cut *
         schedule_share(options_.schedule, step, options_.max_steps, batches_.steps_per_epoch());
}

void DecTrainer::train(std::int64_t steps) {
  rates_.upload(context_, step_, steps, [&](std::int64_t step) { return rate_of(step); });
  fill_zero(context_, loss_.view());
  for (std::int64_t s = 0; s < steps; ++s) {
    rates_.select(context_, s);
    one_step();
    ++step_;
    clock_.count_step();
    if (s + 1 < steps) report(false);
  }
}

void DecTrainer::one_step() {
  const VectorView<const std::int32_t> chosen = batches_.select(context_, step_);
  const auto work = [&] {
    const MatrixView<float> x = x_.view().row_range(0, chosen.size);
    const MatrixView<float> p = batch_p_.view().row_range(0, chosen.size);
    gather_rows(context_, rows_, chosen, x);
    gather_rows(context_, p_, chosen, p);
    network_.step(context_, x, p, static_cast<float>(options_.gamma),
                  static_cast<float>(options_.reconstruction), loss_.flat());
    train::update_parameters(context_, options_.optimizer, kAdam, {.momentum = options_.momentum},
                             rates_, trained(), first_moment_.flat(), second_moment_.flat());
  };
  if (batches_.full(step_)) {
    graph_.run(context_, work);
  } else {
    work();
  }
}

void DecTrainer::report(bool update_end) {
  if (!options_.progress) return;
  Progress p;
  p.epoch = static_cast<std::int64_t>(state_.history.size()) - 1;
  p.epochs = (options_.max_steps + options_.update_interval - 1) / options_.update_interval;
  p.step = step_;
  p.steps = options_.max_steps;
  p.loss = state_.history.back().loss;
  p.rate = state_.history.back().rate;
  p.seconds = clock_.seconds();
  p.seconds_left = clock_.seconds_left(options_.max_steps - step_);
  p.epoch_end = update_end;
  p.done = state_.done;
  options_.progress(p);
}

// All that decides the bytes of the result.
std::string DecTrainer::fingerprint() const {
  const DecOptions& o = options_;
  std::ostringstream text;
  text.precision(9);
  text << "dec of " << o.k << " clusters, " << to_string(o.soft.kernel) << ' '
       << (network_.spherical() ? o.soft.kappa : o.soft.alpha) << ", "
       << (o.balanced ? "balanced target " : "target");
  if (o.balanced) text << o.balance.power << ' ' << o.balance.iterations;
  text << ", weights " << o.gamma << ' ' << o.reconstruction << ", batch " << o.batch
       << ", update every " << o.update_interval << " of " << o.max_steps << ", tolerance "
       << o.tolerance << ", " << to_string(o.optimizer) << ' '
       << (o.optimizer == Optimizer::sgd ? o.momentum : 0) << " rate " << o.rate << ' '
       << to_string(o.schedule.kind) << ' ' << o.schedule.warmup_steps << ' '
       << o.schedule.final_share << ' ' << o.schedule.every << ' ' << o.schedule.factor
       << ", guard " << o.guard.least_mass << ' ' << o.guard.least_distance << ' '
       << o.guard.most_alarms << ' ' << o.guard.rate_factor << ", " << o.restarts << " restarts"
       << (o.denoising.iterations > 0 ? ", denoised " + std::to_string(o.denoising.neighbors) +
                                            ' ' + std::to_string(o.denoising.iterations)
                                      : "")
       << ", seed " << context_.seed() << ", " << rows_.rows << " rows " << data_;
  return text.str();
}

void DecTrainer::save_checkpoint() const {
  checkpoint_.write(fingerprint(), [&](ArchiveWriter& archive) {
    archive.add("step", state_.step);
    archive.add("alarms", state_.alarms);
    archive.add("rate_cut", state_.rate_cut);
    archive.add("done", static_cast<std::int32_t>(state_.done));
    archive.add("stop", static_cast<std::int32_t>(state_.stop));
    archive.add("labels", state_.labels);
    archive.add("start_labels", state_.start_labels);
    save_history(archive, state_.history);
    train::add_array(context_, archive, "parameters", state_.parameters);
    train::add_array(context_, archive, "first_moment", state_.first_moment);
    train::add_array(context_, archive, "second_moment", state_.second_moment);
  });
}

bool DecTrainer::load_checkpoint() {
  if (!checkpoint_.wanted()) return false;
  const std::optional<ArchiveReader> found = checkpoint_.read(fingerprint());
  if (!found) return false;
  const ArchiveReader& archive = *found;
  const auto last = static_cast<std::int32_t>(network_.k() - 1);
  state_.step = archive.number<std::int64_t>("step", 0, options_.max_steps);
  state_.alarms = archive.number<std::int64_t>("alarms", 0, options_.guard.most_alarms);
  state_.rate_cut = archive.number<double>("rate_cut", 0, 1);
  state_.done = archive.number<std::int32_t>("done", 0, 1) != 0;
  state_.stop = static_cast<DecStop>(archive.number<std::int32_t>("stop", 0, 2));
  state_.labels = archive.vector<std::int32_t>("labels", rows_.rows);
  state_.start_labels = archive.vector<std::int32_t>("start_labels", rows_.rows);
  archive.expect_within("labels", state_.labels, 0, last);
  archive.expect_within("start_labels", state_.start_labels, 0, last);
  state_.history = load_history(archive, network_.k());
  train::read_array(context_, archive, "parameters", state_.parameters);
  train::read_array(context_, archive, "first_moment", state_.first_moment);
  train::read_array(context_, archive, "second_moment", state_.second_moment);
  alarm_.emplace(options_.guard, state_.history[0]);
  return true;
}

}  // namespace clipk
