#include "clipk/models/dec.hpp"

#include <string>
#include <utility>

#include "clipk/core/check_finite.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/row_pieces.hpp"
#include "models/autoencoder/reconstruction.hpp"
#include "models/autoencoder/scaled_rows.hpp"
#include "models/dec/dec_monitor.hpp"
#include "models/dec/dec_network.hpp"
#include "models/dec/dec_trainer.hpp"
#include "train/check_training.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "dec";
constexpr const char* kKind = "dec model";
constexpr std::uint32_t kVersion = 1;

void check_options(const DecOptions& o) {
  const auto at_least = [](const char* what, std::int64_t least, std::int64_t value) {
    train::check_at_least(kName, what, least, value);
  };
  const auto not_below_0 = [](const char* what, double value) {
    if (!(value >= 0)) check::fail(kName, std::string(what) + " from 0", std::to_string(value));
  };
  at_least("k", 2, o.k);
  train::check_batch(kName, o.batch);
  train::check_rate(kName, o.rate);
  train::check_schedule(kName, o.schedule);
  at_least("update_interval", 1, o.update_interval);
  at_least("max_steps", 0, o.max_steps);
  at_least("denoising.iterations", 0, o.denoising.iterations);
  at_least("checkpoint_every", 1, o.checkpoint_every);
  at_least("guard.most_alarms", 1, o.guard.most_alarms);
  not_below_0("tolerance", o.tolerance);
  not_below_0("gamma", o.gamma);
  not_below_0("reconstruction", o.reconstruction);
  not_below_0("guard.least_mass", o.guard.least_mass);
  not_below_0("guard.least_distance", o.guard.least_distance);
  if (!(o.guard.rate_factor > 0 && o.guard.rate_factor < 1)) {
    check::fail(kName, "guard.rate_factor between 0 and 1", std::to_string(o.guard.rate_factor));
  }
}

void check_width(std::int64_t expected, std::int64_t got) {
  if (expected != got) {
    check::fail(kName, "rows of width " + std::to_string(expected), std::to_string(got));
  }
}

}  // namespace

const char* to_string(DecStop stop) {
  switch (stop) {
    case DecStop::labels_settled:
      return "labels_settled";
    case DecStop::max_steps:
      return "max_steps";
    case DecStop::collapsed:
      return "collapsed";
  }
  return "?";
}

struct Dec::Impl {
  DecNetwork network;
  RowScaling scaling = RowScaling::none;
  Matrix<float> centres;  // on the host, as codes are compared with them
  std::int64_t steps = 0, alarms = 0;
  DecStop stop = DecStop::max_steps;
  std::vector<std::int32_t> labels, start_labels;
  std::vector<DecUpdate> history;
};

Dec::Dec(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Dec::Dec(Dec&&) noexcept = default;
Dec& Dec::operator=(Dec&&) noexcept = default;
Dec::~Dec() = default;

Dec Dec::fit(Context& context, MatrixView<const float> rows, const Autoencoder& pretrained,
             const DecOptions& options) {
  check_options(options);
  check_width(pretrained.input_dim(), rows.cols);
  if (options.k > rows.rows) {
    check::fail(kName, "k of at most " + std::to_string(rows.rows) + ", the number of rows",
                std::to_string(options.k));
  }
  check_finite(HostRows<float>(context, rows).view(), kName);
  const ScaledRows input(context, rows, pretrained.scaling());
  DecNetwork network(pretrained.network().copy(context, options.k * pretrained.code_dim()),
                     options.k, options.soft);
  DecState state = DecTrainer(context, input, options, network).run();
  Matrix<float> centres = network.centres(context).to_host(context);
  return Dec(
      std::make_unique<Impl>(Impl{std::move(network), pretrained.scaling(), std::move(centres),
                                  state.step, state.alarms, state.stop, std::move(state.labels),
                                  std::move(state.start_labels), std::move(state.history)}));
}

std::int64_t Dec::k() const {
  return impl_->network.k();
}
std::int64_t Dec::input_dim() const {
  return impl_->network.networks().inputs();
}
std::int64_t Dec::code_dim() const {
  return impl_->network.code();
}
RowScaling Dec::scaling() const {
  return impl_->scaling;
}
const SoftAssignmentOptions& Dec::soft() const {
  return impl_->network.soft();
}
const Matrix<float>& Dec::centres() const {
  return impl_->centres;
}
const std::vector<std::int32_t>& Dec::labels() const {
  return impl_->labels;
}
const std::vector<std::int32_t>& Dec::start_labels() const {
  return impl_->start_labels;
}
const std::vector<DecUpdate>& Dec::history() const {
  return impl_->history;
}
DecStop Dec::stop() const {
  return impl_->stop;
}
std::int64_t Dec::steps() const {
  return impl_->steps;
}
std::int64_t Dec::alarms() const {
  return impl_->alarms;
}

Matrix<float> Dec::encode(Context& context, MatrixView<const float> rows) const {
  check_width(input_dim(), rows.cols);
  Matrix<float> codes(context, rows.rows, code_dim());
  for_row_pieces(rows.rows, [&](std::int64_t first, std::int64_t count) {
    const ScaledRows input(context, rows.row_range(first, count), impl_->scaling);
    impl_->network.encode(context, input, codes.view().row_range(first, count));
  });
  return codes;
}

Matrix<float> Dec::assign(Context& context, MatrixView<const float> rows) const {
  const Matrix<float> codes = encode(context, rows);
  Matrix<float> q(context, rows.rows, k());
  soft_assignment(context, codes, impl_->centres.to_device(context), soft(), q, {});
  return q;
}

std::vector<std::int32_t> Dec::predict(Context& context, MatrixView<const float> rows) const {
  return largest_columns(context, assign(context, rows));
}

double Dec::reconstruction_error(Context& context, MatrixView<const float> rows) const {
  check_width(input_dim(), rows.cols);
  const AutoencoderNetwork& networks = impl_->network.networks();
  const auto encode = [&](MatrixView<const float> scaled, MatrixView<float> codes) {
    networks.encoder().transform(context, scaled, codes);
  };
  return clipk::reconstruction_error(context, rows, impl_->scaling, encode, networks.decoder());
}

void Dec::save(Context& context, const std::filesystem::path& path) const {
  ArchiveWriter archive(kKind, kVersion);
  archive.add("scaling", to_string(impl_->scaling));
  archive.add("kernel", static_cast<std::int32_t>(soft().kernel));
  archive.add("alpha", soft().alpha);
  archive.add("kappa", soft().kappa);
  archive.add("centres", impl_->centres);
  archive.add("steps", impl_->steps);
  archive.add("alarms", impl_->alarms);
  archive.add("stop", static_cast<std::int32_t>(impl_->stop));
  archive.add("labels", impl_->labels);
  archive.add("start_labels", impl_->start_labels);
  save_history(archive, impl_->history);
  impl_->network.networks().save(context, archive, "network");
  archive.write(path);
}

Dec Dec::load(Context& context, const std::filesystem::path& path) {
  const ArchiveReader archive(path, kKind, kVersion);
  Matrix<float> centres = archive.matrix<float>("centres");
  const std::int64_t k = centres.rows();
  if (k < 2 || centres.cols() < 1) {
    archive.fail("at least 2 centres of at least 1 column", check::shape(k, centres.cols()));
  }
  const auto kernel = archive.number<std::int32_t>("kernel", 0, 1);
  const auto stop = archive.number<std::int32_t>("stop", 0, 2);
  const SoftAssignmentOptions soft{.kernel = static_cast<SoftKernel>(kernel),
                                   .alpha = archive.number<float>("alpha"),
                                   .kappa = archive.number<float>("kappa")};
  if (!(soft.alpha > 0 && soft.kappa > 0)) {
    archive.fail("alpha and kappa above 0",
                 std::to_string(soft.alpha) + " and " + std::to_string(soft.kappa));
  }
  auto labels = archive.vector<std::int32_t>("labels");
  if (static_cast<std::int64_t>(labels.size()) < k) {
    archive.fail("labels of at least " + std::to_string(k) + " rows",
                 std::to_string(labels.size()));
  }
  auto start_labels =
      archive.vector<std::int32_t>("start_labels", static_cast<std::int64_t>(labels.size()));
  archive.expect_within("labels", labels, 0, static_cast<std::int32_t>(k - 1));
  archive.expect_within("start_labels", start_labels, 0, static_cast<std::int32_t>(k - 1));
  const RowScaling scaling =
      archive.naming([&] { return row_scaling_named(archive.text("scaling")); });
  AutoencoderNetwork networks =
      AutoencoderNetwork::load(context, archive, "network", centres.rows() * centres.cols());
  if (networks.code() != centres.cols()) {
    archive.fail("centres of width " + std::to_string(networks.code()),
                 std::to_string(centres.cols()));
  }
  DecNetwork network(std::move(networks), centres.rows(), soft);
  copy<float>(context, centres, network.raw_centres());
  return Dec(std::make_unique<Impl>(Impl{std::move(network), scaling, std::move(centres),
                                         archive.count("steps"), archive.count("alarms"),
                                         static_cast<DecStop>(stop), std::move(labels),
                                         std::move(start_labels), load_history(archive, k)}));
}

}  // namespace clipk
