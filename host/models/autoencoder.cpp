#include "clipk/models/autoencoder.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "clipk/io/check_finite.hpp"
#include "clipk/ops/mse_loss.hpp"
#include "models/autoencoder_problem.hpp"
#include "models/rows_on_device.hpp"
#include "ops/check.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "autoencoder";
constexpr const char* kKind = "autoencoder model";
constexpr std::uint32_t kVersion = 1;
constexpr std::int64_t kErrorRows = 8192;  // of one piece, whose reconstruction is stored

void check_options(const AutoencoderOptions& options, std::int64_t dim) {
  for (const std::int64_t width : options.hidden) {
    if (width < 1) check::fail(kName, "layers of at least 1", std::to_string(width));
  }
  if (options.code < 1 || options.code > dim) {
    check::fail(kName, "a code of 1 to " + std::to_string(dim) + " (the columns of the rows)",
                std::to_string(options.code));
  }
  if (options.batch < 1) check::fail(kName, "a batch of at least 1", std::to_string(options.batch));
}

void check_rows(Context& context, MatrixView<const float> rows) {
  if (rows.rows < 2) check::fail(kName, "at least 2 rows", std::to_string(rows.rows));
  if (rows.device == Device::cpu) return check_finite(rows, kName);
  Matrix<float> host(rows.rows, rows.cols);
  copy<float>(context, rows, host.view());
  check_finite(host, kName);
}

TrainerOptions trainer_options(const AutoencoderOptions& options) {
  TrainerOptions trainer;
  trainer.epochs = options.epochs;
  trainer.batch = options.batch;
  trainer.optimizer = options.optimizer;
  trainer.sgd.momentum = options.momentum;
  trainer.rate = options.rate;
  trainer.schedule = options.schedule;
  trainer.checkpoint = options.checkpoint;
  trainer.checkpoint_every = options.checkpoint_every;
  trainer.progress = options.progress;
  return trainer;
}

}  // namespace

struct Autoencoder::Impl {
  AutoencoderNetwork network;
  std::vector<double> losses;
};

Autoencoder::Autoencoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Autoencoder::Autoencoder(Autoencoder&&) noexcept = default;
Autoencoder& Autoencoder::operator=(Autoencoder&&) noexcept = default;
Autoencoder::~Autoencoder() = default;

Autoencoder Autoencoder::fit(Context& context, MatrixView<const float> rows,
                             const AutoencoderOptions& options) {
  check_options(options, rows.cols);
  check_rows(context, rows);
  const RowsOnDevice input(context, rows);
  AutoencoderShape shape{
      .widths = options.hidden, .activation = options.activation, .init = options.init};
  shape.widths.insert(shape.widths.begin(), rows.cols);
  shape.widths.push_back(options.code);
  AutoencoderNetwork network(context, std::move(shape));
  AutoencoderProblem problem(context, input, options, network);
  TrainingResult result = Trainer(context, problem, trainer_options(options)).run();
  return Autoencoder(std::make_unique<Impl>(Impl{std::move(network), std::move(result.loss)}));
}

std::int64_t Autoencoder::input_dim() const {
  return impl_->network.inputs();
}
std::int64_t Autoencoder::code_dim() const {
  return impl_->network.code();
}
const std::vector<double>& Autoencoder::losses() const {
  return impl_->losses;
}
const AutoencoderNetwork& Autoencoder::network() const {
  return impl_->network;
}

Matrix<float> Autoencoder::encode(Context& context, MatrixView<const float> rows) const {
  if (rows.cols != input_dim()) {
    check::fail(kName, "rows of width " + std::to_string(input_dim()), std::to_string(rows.cols));
  }
  const RowsOnDevice input(context, rows);
  Matrix<float> codes(context, rows.rows, code_dim());
  impl_->network.encoder().transform(context, input, codes);
  return codes;
}

Matrix<float> Autoencoder::decode(Context& context, MatrixView<const float> codes) const {
  if (codes.cols != code_dim()) {
    check::fail(kName, "codes of width " + std::to_string(code_dim()), std::to_string(codes.cols));
  }
  const RowsOnDevice input(context, codes);
  Matrix<float> rows(context, codes.rows, input_dim());
  impl_->network.decoder().transform(context, input, rows);
  return rows;
}

double Autoencoder::reconstruction_error(Context& context, MatrixView<const float> rows) const {
  Matrix<double> sum(context, 1, 1);
  for (std::int64_t first = 0; first < rows.rows; first += kErrorRows) {
    const MatrixView<const float> piece =
        rows.row_range(first, std::min(kErrorRows, rows.rows - first));
    const RowsOnDevice target(context, piece);
    const Matrix<float> back = decode(context, encode(context, target));
    mse_loss(context, back, target, static_cast<float>(piece.rows), sum.flat(), {});
  }
  return rows.rows == 0 ? 0 : sum.to_host(context)(0, 0) / static_cast<double>(rows.rows);
}

void Autoencoder::save(Context& context, const std::filesystem::path& path) const {
  ArchiveWriter archive(kKind, kVersion);
  archive.add("losses", impl_->losses);
  impl_->network.save(context, archive, "network");
  archive.write(path);
}

Autoencoder Autoencoder::load(Context& context, const std::filesystem::path& path) {
  const ArchiveReader archive(path, kKind, kVersion);
  return Autoencoder(std::make_unique<Impl>(Impl{
      AutoencoderNetwork::load(context, archive, "network"), archive.vector<double>("losses")}));
}

}  // namespace clipk
