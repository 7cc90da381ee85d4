#include "models/autoencoder/autoencoder_problem.hpp"

#include <algorithm>
#include <sstream>

#include "clipk/ops/gather_rows.hpp"
#include "clipk/ops/mse_loss.hpp"
#include "core/row_pieces.hpp"
#include "models/autoencoder/reconstruction.hpp"
#include "models/rows_digest.hpp"

namespace clipk {
namespace {

// Sites of corruption; each draws its own random numbers.
constexpr std::uint32_t kInputDropout = 0;
constexpr std::uint32_t kInputNoise = 1;
constexpr std::uint32_t kLayers = 2;  // two per layer follow

// After this many steps a training is judged by its result.
constexpr std::int64_t kJudgedSteps = 200;
constexpr double kRounding = 1e-6;  // relative error of a mean squared error
constexpr double kMostLoss = 100;   // largest loss of a first epoch, in variances
// A loss that rises by this factor has diverged: a training that is merely slow does not rise
// as much.
constexpr double kRise = 1.1;

std::int64_t batch_size(const AutoencoderOptions& options, const AutoencoderRows& rows) {
  return std::min(options.batch, rows.view().rows);
}

// A network of one layer of the encoder, or of its mirror image in the decoder, with copies of
// its weights.
MlpOptions one_layer(const AutoencoderNetwork& network, int from, int to) {
  const std::vector<std::int64_t>& widths = network.shape().widths;
  return {.widths = {widths[static_cast<std::size_t>(from)], widths[static_cast<std::size_t>(to)]},
          .zero_last = true};
}

void copy_layer(Context& context, const Mlp& from, int from_layer, Mlp& to, int to_layer) {
  copy<float>(context, from.weight(from_layer), to.weight(to_layer));
  copy<float>(context, from.bias(from_layer), to.bias(to_layer));
}

}  // namespace

const std::string& AutoencoderRows::description() const {
  if (description_.empty()) {
    description_ = std::to_string(rows_.rows) + " rows " + rows_digest(context_, rows_);
  }
  return description_;
}

std::string describe(const AutoencoderShape& shape) {
  std::string text;
  for (const std::int64_t width : shape.widths) {
    text += (text.empty() ? "" : "-") + std::to_string(width);
  }
  return text + " " + to_string(shape.activation);
}

void save_layer_losses(ArchiveWriter& archive, const std::vector<std::vector<double>>& losses) {
  archive.add("layers", static_cast<std::int64_t>(losses.size()));
  for (std::size_t l = 0; l < losses.size(); ++l) {
    archive.add("layer_loss" + std::to_string(l), losses[l]);
  }
}

std::vector<std::vector<double>> load_layer_losses(const ArchiveReader& archive) {
  std::vector<std::vector<double>> losses;
  const std::int64_t layers = archive.count("layers");
  for (std::int64_t l = 0; l < layers; ++l) {
    losses.push_back(archive.vector<double>("layer_loss" + std::to_string(l)));
  }
  return losses;
}

AutoencoderProblem::AutoencoderProblem(Context& context, const AutoencoderRows& rows,
                                       const AutoencoderOptions& options,
                                       AutoencoderNetwork& network,
                                       std::vector<std::vector<double>>& layer_losses)
    : rows_(rows),
      options_(options),
      network_(network),
      layer_losses_(layer_losses),
      start_(context, 1, network.parameters().values.size) {
  copy<float>(context, network.parameters().values, start_.flat());
  const std::int64_t batch = batch_size(options, rows);
  workspace_ = AutoencoderNetwork::Workspace(context, network, batch);
  clean_ = Matrix<float>(context, batch, network.inputs());
  if (options.dropout > 0 || options.noise > 0) {
    corrupted_ = Matrix<float>(context, batch, network.inputs());
  }
}

void AutoencoderProblem::step(Context& context, const Batch& batch, VectorView<double> loss) {
  const MatrixView<float> clean = clean_.view().row_range(0, batch.rows.size);
  gather_rows(context, rows_.view(), batch.rows, clean);
  MatrixView<const float> x = clean;
  const auto add = [&](Corruption kind, float amount, std::uint32_t site) {
    const MatrixView<float> out = corrupted_.view().row_range(0, batch.rows.size);
    corrupt(context, x, {.kind = kind, .amount = amount, .site = site}, batch.step, out);
    x = out;
  };
  if (options_.dropout > 0) add(Corruption::dropout, options_.dropout, kInputDropout);
  if (options_.noise > 0) add(Corruption::gaussian, options_.noise, kInputNoise);
  network_.encode(context, x, workspace_);
  network_.reconstruct(context, clean, 1, workspace_, loss);
  network_.encode_backward(context, x, workspace_);
}

std::optional<std::string> AutoencoderProblem::failure(Context& context,
                                                       const std::vector<double>& losses) {
  const MatrixView<const float> rows = rows_.view();
  const std::int64_t batch = batch_size(options_, rows_);
  const auto steps = static_cast<std::int64_t>(losses.size()) * ((rows.rows + batch - 1) / batch);
  const double of_mean = rows_.variance();
  if (of_mean == 0 || losses.empty() || losses.back() < of_mean) return std::nullopt;
  const bool fell =
      losses.size() > 1 ? losses.back() < losses.front() : losses.back() < kMostLoss * of_mean;
  if (fell && steps < kJudgedSteps) return std::nullopt;
  // The training loss is of corrupted rows and of weights that change during the epoch.
  const double error = error_of_rows(context);
  if (error < (1 - kRounding) * of_mean) return std::nullopt;
  // A training that is merely slow would be even slower at a lower rate.
  const auto [least, most] = std::minmax_element(losses.begin(), losses.end());
  const bool rose = losses.back() > kRise * *least || *most > kRise * error_at_start(context);
  if (!rose && !gives_one_row_back(context)) return std::nullopt;
  std::ostringstream text;
  text << "expected rows to come back with a mean squared error below that of their mean, "
       << of_mean << ", got " << error;
  return text.str();
}

double AutoencoderProblem::error_of_rows(Context& context) const {
  const auto encode = [&](MatrixView<const float> x, MatrixView<float> codes) {
    network_.encoder().transform(context, x, codes);
  };
  return reconstruction_error(context, rows_.view(), RowScaling::none, encode, network_.decoder());
}

bool AutoencoderProblem::gives_one_row_back(Context& context) const {
  const MatrixView<const float> rows = rows_.view();
  std::vector<float> first;
  bool equal = true;
  for_row_pieces(rows.rows, [&](std::int64_t begin, std::int64_t count) {
    if (!equal) return;
    Matrix<float> codes(context, count, network_.decoder().inputs());
    Matrix<float> back(context, count, rows.cols);
    network_.encoder().transform(context, rows.row_range(begin, count), codes);
    network_.decoder().transform(context, codes, back);
    const Matrix<float> host = back.to_host(context);
    const float* const row = host.view().row(0);
    if (begin == 0) first.assign(row, row + rows.cols);
    for (std::int64_t i = 0; i < count && equal; ++i) {
      equal = std::equal(first.begin(), first.end(), host.view().row(i));
    }
  });
  return equal;
}

double AutoencoderProblem::error_at_start(Context& context) const {
  const VectorView<float> values = network_.parameters().values;
  Matrix<float> trained(context, 1, values.size);
  copy<float>(context, values, trained.flat());
  copy<float>(context, start_.flat(), values);
  const double error = error_of_rows(context);
  copy<float>(context, trained.flat(), values);
  return error;
}

std::string AutoencoderProblem::fingerprint() const {
  std::ostringstream text;
  text << "autoencoder " << describe(network_.shape()) << ' ' << to_string(network_.shape().init);
  if (options_.dropout > 0) text << ", dropout " << options_.dropout;
  if (options_.noise > 0) text << ", noise " << options_.noise;
  if (options_.layer_epochs > 0) {
    text << ", after " << options_.layer_epochs << " epochs a layer with dropout "
         << options_.layer_dropout;
  }
  text << ", of " << rows_.description();
  return text.str();
}

LayerProblem::LayerProblem(Context& context, const AutoencoderRows& rows,
                           const AutoencoderOptions& options, const AutoencoderNetwork& network,
                           int layer)
    : rows_(rows),
      options_(options),
      network_(network),
      layer_(layer),
      parameters_(context, {Mlp::parameter_size(one_layer(network, layer, layer + 1)),
                            Mlp::parameter_size(one_layer(network, layer + 1, layer))}),
      down_(context, one_layer(network, layer, layer + 1), parameters_.part(0)),
      up_(context, one_layer(network, layer + 1, layer), parameters_.part(1)) {
  copy_layer(context, network.encoder(), layer_, down_, 0);
  copy_layer(context, network.decoder(), mirror(), up_, 0);
  const std::int64_t batch = batch_size(options, rows);
  for (int l = 0; l <= layer; ++l) {
    inputs_.emplace_back(context, batch, network.shape().widths[static_cast<std::size_t>(l)]);
  }
  const std::int64_t in = down_.inputs(), out = down_.outputs();
  corrupted_ = Matrix<float>(context, batch, in);
  value_ = Matrix<float>(context, batch, out);
  kept_ = Matrix<float>(context, batch, out);
  grad_value_ = Matrix<float>(context, batch, out);
  output_ = Matrix<float>(context, batch, in);
  grad_output_ = Matrix<float>(context, batch, in);
}

void LayerProblem::put_into(Context& context, AutoencoderNetwork& network) {
  copy_layer(context, down_, 0, network.encoder(), layer_);
  copy_layer(context, up_, 0, network.decoder(), mirror());
}

CorruptOptions LayerProblem::dropout_of(int side) const {
  return {
      .amount = options_.layer_dropout,
      .site = kLayers + 2 * static_cast<std::uint32_t>(layer_) + static_cast<std::uint32_t>(side)};
}

MatrixView<float> LayerProblem::input_of_layer(Context& context, const Batch& batch) {
  const std::int64_t n = batch.rows.size;
  gather_rows(context, rows_.view(), batch.rows, inputs_[0].view().row_range(0, n));
  for (int l = 0; l < layer_; ++l) {
    const auto at = static_cast<std::size_t>(l);
    dense(context, inputs_[at].view().row_range(0, n), network_.encoder().weight(l),
          network_.encoder().bias(l), network_.shape().activation,
          inputs_[at + 1].view().row_range(0, n));
  }
  return inputs_.back().view().row_range(0, n);
}

void LayerProblem::step(Context& context, const Batch& batch, VectorView<double> loss) {
  const auto first_rows = [&](Matrix<float>& matrix) {
    return matrix.view().row_range(0, batch.rows.size);
  };
  const Activation activation = network_.shape().activation;
  const Activation below = is_code() ? Activation::identity : activation;
  const Activation above = is_first() ? Activation::identity : activation;
  // As Xie et al.'s code: neither the rows nor the code are corrupted.
  const bool drop_input = !is_first() && options_.layer_dropout > 0;
  const bool drop_value = !is_code() && options_.layer_dropout > 0;

  const MatrixView<const float> target = input_of_layer(context, batch);
  MatrixView<const float> x = target;
  if (drop_input) {
    corrupt(context, x, dropout_of(0), batch.step, first_rows(corrupted_));
    x = first_rows(corrupted_);
  }
  const MatrixView<float> value = first_rows(value_);
  dense(context, x, down_.weight(0), down_.bias(0), below, value);
  MatrixView<const float> kept = value;
  if (drop_value) {
    corrupt(context, value, dropout_of(1), batch.step, first_rows(kept_));
    kept = first_rows(kept_);
  }
  const MatrixView<float> output = first_rows(output_), grad_output = first_rows(grad_output_);
  dense(context, kept, up_.weight(0), up_.bias(0), above, output);
  fill_zero(context, grad_output);
  mse_loss(context, output, target, 1, loss, grad_output);
  const MatrixView<float> grad_value = first_rows(grad_value_);
  dense_backward(context, kept, up_.weight(0), output, above, grad_output, grad_value,
                 up_.weight_gradient(0), up_.bias_gradient(0));
  if (drop_value) corrupt_backward(context, grad_value, dropout_of(1), batch.step, grad_value);
  dense_backward(context, x, down_.weight(0), value, below, grad_value, {},
                 down_.weight_gradient(0), down_.bias_gradient(0));
}

std::string LayerProblem::fingerprint() const {
  std::ostringstream text;
  text << "layer " << layer_ << " of autoencoder " << describe(network_.shape()) << ' '
       << to_string(network_.shape().init) << ", dropout " << options_.layer_dropout << ", of "
       << rows_.description();
  return text.str();
}

}  // namespace clipk
