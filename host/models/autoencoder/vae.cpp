#include "clipk/models/vae.hpp"

#include <cmath>
#include <string>
#include <utility>

#include "clipk/core/check_finite.hpp"
#include "clipk/ops/gaussian_posterior.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/math/math.hpp"
#include "core/row_pieces.hpp"
#include "models/autoencoder/conditioned_rows.hpp"
#include "models/autoencoder/reconstruction.hpp"
#include "models/autoencoder/scaled_rows.hpp"
#include "models/autoencoder/vae_problem.hpp"
#include "train/check_training.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "vae";
constexpr const char* kKind = "vae model";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kSampleSite = 1;  // of the noise; a training's steps draw at site 0

void check_options(const VaeOptions& options, std::int64_t dim) {
  for (const std::int64_t width : options.hidden) {
    if (width < 1) check::fail(kName, "layers of at least 1", std::to_string(width));
  }
  if (options.code < 1 || options.code > dim) {
    check::fail(kName, "a code of 1 to " + std::to_string(dim) + " (the columns of the rows)",
                std::to_string(options.code));
  }
  train::check_training(kName, options);
  train::check_batch(kName, options.batch);
  if (!(options.sigma > 0 && std::isfinite(options.sigma))) {
    check::fail(kName, "a finite sigma above 0", std::to_string(options.sigma));
  }
}

TrainerOptions trainer_options(const VaeOptions& options) {
  TrainerOptions trainer{options};
  trainer.batch = options.batch;
  trainer.adam = options.adam;
  trainer.checkpoint_every = options.checkpoint_every;
  return trainer;
}

}  // namespace

struct Vae::Impl {
  VaeNetwork network;
  float sigma = 1;
  std::vector<double> losses;

  void check_width(MatrixView<const float> rows) const {
    if (rows.cols != network.inputs()) {
      check::fail(kName, "rows of width " + std::to_string(network.inputs()),
                  std::to_string(rows.cols));
    }
  }
  // The encoder's output [m, 2 code] for rows on any device.
  Matrix<float> heads(Context& context, MatrixView<const float> rows) const {
    check_width(rows);
    Matrix<float> result(context, rows.rows, 2 * network.code());
    for_row_pieces(rows.rows, [&](std::int64_t first, std::int64_t count) {
      const ScaledRows input(context, rows.row_range(first, count));
      network.encoder().transform(context, input, result.view().row_range(first, count));
    });
    return result;
  }
};

Vae::Vae(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Vae::Vae(Vae&&) noexcept = default;
Vae& Vae::operator=(Vae&&) noexcept = default;
Vae::~Vae() = default;

Vae Vae::fit(Context& context, MatrixView<const float> rows, const VaeOptions& options) {
  check_options(options, rows.cols);
  if (rows.rows < 2) check::fail(kName, "at least 2 rows", std::to_string(rows.rows));
  check_finite(HostRows<float>(context, rows).view(), kName);
  const ScaledRows input(context, rows);
  const ConditionedRows conditioned(context, input);
  VaeOptions of_training = options;
  of_training.sigma *= static_cast<float>(conditioned.factor());
  AutoencoderShape shape{
      .widths = options.hidden, .activation = options.activation, .init = options.init};
  shape.widths.insert(shape.widths.begin(), rows.cols);
  shape.widths.push_back(options.code);
  VaeNetwork network(context, std::move(shape));
  const AutoencoderRows training(context, conditioned.view());
  VaeProblem problem(context, training, of_training, network);
  std::vector<double> losses = Trainer(context, problem, trainer_options(options)).run().loss;
  conditioned.restore(context, network.encoder(), network.decoder());
  return Vae(std::make_unique<Impl>(Impl{std::move(network), options.sigma, std::move(losses)}));
}

std::int64_t Vae::input_dim() const {
  return impl_->network.inputs();
}
std::int64_t Vae::code_dim() const {
  return impl_->network.code();
}
float Vae::sigma() const {
  return impl_->sigma;
}
const std::vector<double>& Vae::losses() const {
  return impl_->losses;
}

Matrix<float> Vae::encode(Context& context, MatrixView<const float> rows) const {
  const Matrix<float> heads = impl_->heads(context, rows);
  return Matrix<float>::copy_of(context, impl_->network.mean(heads.view()));
}

VaePosterior Vae::posterior(Context& context, MatrixView<const float> rows) const {
  const Matrix<float> heads = impl_->heads(context, rows);
  return {Matrix<float>::copy_of(context, impl_->network.mean(heads.view())),
          Matrix<float>::copy_of(context, impl_->network.log_variance(heads.view()))};
}

Matrix<float> Vae::sample_codes(Context& context, MatrixView<const float> rows,
                                std::uint32_t draw) const {
  const Matrix<float> heads = impl_->heads(context, rows);
  Matrix<float> codes(context, rows.rows, code_dim());
  Matrix<std::uint64_t> step(1, 1);
  step(0, 0) = draw;
  const Matrix<std::uint64_t> there = step.to_device(context);
  gaussian_posterior(context, impl_->network.mean(heads.view()),
                     impl_->network.log_variance(heads.view()), {.site = kSampleSite}, there.flat(),
                     codes, {});
  return codes;
}

Matrix<float> Vae::decode(Context& context, MatrixView<const float> codes) const {
  return clipk::decode(context, kName, codes, impl_->network.decoder());
}

double Vae::reconstruction_error(Context& context, MatrixView<const float> rows) const {
  impl_->check_width(rows);
  const auto encode_means = [&](MatrixView<const float> input, MatrixView<float> codes) {
    Matrix<float> heads(context, input.rows, 2 * code_dim());
    impl_->network.encoder().transform(context, input, heads);
    copy<float>(context, impl_->network.mean(heads.view()), codes);
  };
  return clipk::reconstruction_error(context, rows, RowScaling::none, encode_means,
                                     impl_->network.decoder());
}

std::vector<double> Vae::divergences(Context& context, MatrixView<const float> rows) const {
  const VaePosterior found = posterior(context, rows);
  const Matrix<float> mean = found.mean.to_host(context);
  const Matrix<float> log_variance = found.log_variance.to_host(context);
  std::vector<double> result(static_cast<std::size_t>(code_dim()));
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    for (std::int64_t j = 0; j < code_dim(); ++j) {
      const double m = mean(i, j), l = log_variance(i, j);
      result[static_cast<std::size_t>(j)] +=
          (m * m + math::expm1(l) - l) / 2 / static_cast<double>(rows.rows);
    }
  }
  return result;
}

void Vae::save(Context& context, const std::filesystem::path& path) const {
  ArchiveWriter archive(kKind, kVersion);
  archive.add("sigma", impl_->sigma);
  archive.add("losses", impl_->losses);
  impl_->network.save(context, archive, "network");
  archive.write(path);
}

Vae Vae::load(Context& context, const std::filesystem::path& path) {
  const ArchiveReader archive(path, kKind, kVersion);
  const auto sigma = archive.number<float>("sigma");
  if (!(sigma > 0)) archive.fail("a sigma above 0", std::to_string(sigma));
  return Vae(std::make_unique<Impl>(Impl{VaeNetwork::load(context, archive, "network"), sigma,
                                         archive.vector<double>("losses")}));
}

}  // namespace clipk
