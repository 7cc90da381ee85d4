#include "clipk/models/autoencoder.hpp"

#include <cmath>
#include <string>
#include <utility>

#include "clipk/core/check_finite.hpp"
#include "core/check.hpp"
#include "core/enum_names.hpp"
#include "core/host_rows.hpp"
#include "core/row_pieces.hpp"
#include "models/autoencoder/autoencoder_problem.hpp"
#include "models/autoencoder/autoencoder_stages.hpp"
#include "models/autoencoder/code_whitening.hpp"
#include "models/autoencoder/conditioned_rows.hpp"
#include "models/autoencoder/reconstruction.hpp"
#include "models/autoencoder/scaled_rows.hpp"
#include "train/check_training.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "autoencoder";
constexpr const char* kKind = "autoencoder model";
constexpr std::uint32_t kVersion = 1;

void check_options(const AutoencoderOptions& options, std::int64_t dim) {
  for (const std::int64_t width : options.hidden) {
    if (width < 1) check::fail(kName, "layers of at least 1", std::to_string(width));
  }
  if (options.code < 1 || options.code > dim) {
    check::fail(kName, "a code of 1 to " + std::to_string(dim) + " (the columns of the rows)",
                std::to_string(options.code));
  }
  train::check_training(kName, options);
  train::check_batch(kName, options.batch);
  for (const float dropout : {options.dropout, options.layer_dropout}) {
    if (!(dropout >= 0 && dropout < 1)) {
      check::fail(kName, "dropout from 0, below 1", std::to_string(dropout));
    }
  }
  if (!(options.noise >= 0 && std::isfinite(options.noise))) {
    check::fail(kName, "finite noise from 0", std::to_string(options.noise));
  }
  if (!(options.code_whitening >= 0 && options.code_whitening <= 1)) {
    check::fail(kName, "code_whitening from 0 to 1", std::to_string(options.code_whitening));
  }
  train::check_at_least(kName, "layer_epochs", 0, options.layer_epochs);
}

void check_rows(Context& context, MatrixView<const float> rows) {
  if (rows.rows < 2) check::fail(kName, "at least 2 rows", std::to_string(rows.rows));
  check_finite(HostRows<float>(context, rows).view(), kName);
}

}  // namespace

const char* to_string(RowScaling scaling) {
  switch (scaling) {
    case RowScaling::none:
      return "none";
    case RowScaling::equal_length:
      return "equal_length";
    case RowScaling::standardized:
      return "standardized";
  }
  return "?";
}

RowScaling row_scaling_named(std::string_view name) {
  return named("scaling", name,
               {RowScaling::none, RowScaling::equal_length, RowScaling::standardized});
}

struct Autoencoder::Impl {
  AutoencoderNetwork network;
  RowScaling scaling = RowScaling::none;
  std::vector<double> losses;
  std::vector<std::vector<double>> layer_losses;

  void check_width(MatrixView<const float> rows) const {
    if (rows.cols != network.inputs()) {
      check::fail(kName, "rows of width " + std::to_string(network.inputs()),
                  std::to_string(rows.cols));
    }
  }
};

Autoencoder::Autoencoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Autoencoder::Autoencoder(Autoencoder&&) noexcept = default;
Autoencoder& Autoencoder::operator=(Autoencoder&&) noexcept = default;
Autoencoder::~Autoencoder() = default;

Autoencoder Autoencoder::fit(Context& context, MatrixView<const float> rows,
                             const AutoencoderOptions& options) {
  check_options(options, rows.cols);
  check_rows(context, rows);
  const ScaledRows scaled(context, rows, options.scaling);
  AutoencoderShape shape{
      .widths = options.hidden, .activation = options.activation, .init = options.init};
  shape.widths.insert(shape.widths.begin(), rows.cols);
  shape.widths.push_back(options.code);
  AutoencoderNetwork network(context, std::move(shape));
  const ConditionedRows conditioned(context, scaled);
  AutoencoderOptions of_training = options;
  of_training.noise *= static_cast<float>(conditioned.factor());
  AutoencoderTraining training = train_autoencoder(
      context, AutoencoderRows(context, conditioned.view(), conditioned.variance()), of_training,
      network);
  conditioned.restore(context, network.encoder(), network.decoder());
  const double unit = conditioned.factor() * conditioned.factor();
  for (double& loss : training.losses) loss /= unit;
  if (!training.layer_losses.empty()) {
    for (double& loss : training.layer_losses.front()) loss /= unit;
  }
  if (options.code_whitening > 0) {
    whiten_codes(context, scaled, options.code_whitening, network);
  }
  return Autoencoder(
      std::make_unique<Impl>(Impl{std::move(network), options.scaling, std::move(training.losses),
                                  std::move(training.layer_losses)}));
}

std::int64_t Autoencoder::input_dim() const {
  return impl_->network.inputs();
}
std::int64_t Autoencoder::code_dim() const {
  return impl_->network.code();
}
RowScaling Autoencoder::scaling() const {
  return impl_->scaling;
}
const std::vector<double>& Autoencoder::losses() const {
  return impl_->losses;
}
const std::vector<std::vector<double>>& Autoencoder::layer_losses() const {
  return impl_->layer_losses;
}
const AutoencoderNetwork& Autoencoder::network() const {
  return impl_->network;
}

Matrix<float> Autoencoder::scaled(Context& context, MatrixView<const float> rows) const {
  impl_->check_width(rows);
  return Matrix<float>::copy_of(context, ScaledRows(context, rows, impl_->scaling));
}

Matrix<float> Autoencoder::encode(Context& context, MatrixView<const float> rows) const {
  impl_->check_width(rows);
  Matrix<float> codes(context, rows.rows, code_dim());
  for_row_pieces(rows.rows, [&](std::int64_t first, std::int64_t count) {
    const ScaledRows input(context, rows.row_range(first, count), impl_->scaling);
    impl_->network.encoder().transform(context, input, codes.view().row_range(first, count));
  });
  return codes;
}

Matrix<float> Autoencoder::decode(Context& context, MatrixView<const float> codes) const {
  return clipk::decode(context, kName, codes, impl_->network.decoder());
}

double Autoencoder::reconstruction_error(Context& context, MatrixView<const float> rows) const {
  impl_->check_width(rows);
  const auto encode = [&](MatrixView<const float> scaled, MatrixView<float> codes) {
    impl_->network.encoder().transform(context, scaled, codes);
  };
  return clipk::reconstruction_error(context, rows, impl_->scaling, encode,
                                     impl_->network.decoder());
}

void Autoencoder::save(Context& context, const std::filesystem::path& path) const {
  ArchiveWriter archive(kKind, kVersion);
  archive.add("scaling", to_string(impl_->scaling));
  archive.add("losses", impl_->losses);
  save_layer_losses(archive, impl_->layer_losses);
  impl_->network.save(context, archive, "network");
  archive.write(path);
}

Autoencoder Autoencoder::load(Context& context, const std::filesystem::path& path) {
  const ArchiveReader archive(path, kKind, kVersion);
  const RowScaling scaling =
      archive.naming([&] { return row_scaling_named(archive.text("scaling")); });
  return Autoencoder(
      std::make_unique<Impl>(Impl{AutoencoderNetwork::load(context, archive, "network"), scaling,
                                  archive.vector<double>("losses"), load_layer_losses(archive)}));
}

}  // namespace clipk
