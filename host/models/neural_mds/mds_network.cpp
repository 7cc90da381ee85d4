#include "models/neural_mds/mds_network.hpp"

#include <utility>

#include "core/check.hpp"

namespace clipk {
namespace {

MlpOptions network_options(const NeuralMdsOptions& options, std::int64_t inputs,
                           std::uint32_t network) {
  MlpOptions result;
  result.widths = {inputs, options.dim};
  if (options.hidden > 0) result.widths.insert(result.widths.begin() + 1, options.hidden);
  result.zero_last = true;
  result.skip = MlpSkip::trained;
  result.network = network;
  return result;
}

}  // namespace

MdsNetwork::MdsNetwork(Context& context, const NeuralMdsOptions& options,
                       const std::vector<Matrix<float>>& starts, Matrix<float> means, float rms)
    : means_(std::move(means)), rms_(rms) {
  std::vector<MlpOptions> networks;
  networks.reserve(starts.size());
  for (const Matrix<float>& start : starts) {
    networks.push_back(
        network_options(options, start.cols(), static_cast<std::uint32_t>(networks.size())));
  }
  add_networks(context, networks);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    copy<float>(context, starts[i], networks_[i].skip_weight());
  }
}

void MdsNetwork::add_networks(Context& context, const std::vector<MlpOptions>& options) {
  std::vector<std::int64_t> sizes;
  sizes.reserve(options.size());
  for (const MlpOptions& network : options) sizes.push_back(Mlp::parameter_size(network));
  parameters_ = Parameters(context, sizes);
  for (const MlpOptions& network : options) {
    networks_.emplace_back(context, network, parameters_.part(static_cast<int>(networks_.size())));
  }
}

Matrix<float> MdsNetwork::prepared(Context& context, MatrixView<const float> rows,
                                   Modality modality) const {
  if (rows.cols != inputs()) {
    check::fail("neural_mds", "rows of width " + std::to_string(inputs()),
                std::to_string(rows.cols));
  }
  Matrix<float> host(rows.rows, rows.cols);
  copy<float>(context, rows, host.view());
  const float* mean = means_.view().row(modality == Modality::text ? 1 : 0);
  const float scale = 1 / rms_;
  for (std::int64_t i = 0; i < host.rows(); ++i) {
    for (std::int64_t j = 0; j < host.cols(); ++j) host(i, j) = (host(i, j) - mean[j]) * scale;
  }
  return host.to_device(context);
}

Matrix<float> MdsNetwork::transform(Context& context, MatrixView<const float> rows,
                                    Modality modality) const {
  const Matrix<float> x = prepared(context, rows, modality);
  Matrix<float> codes(context, x.rows(), outputs());
  of(modality).transform(context, x, codes);
  Matrix<float> host = codes.to_host(context);
  for (float& value : host.flat()) value *= rms_;
  return host.to_device(context);
}

void MdsNetwork::plan(Context& context, std::int64_t rows) {
  workspaces_.clear();
  const auto count = static_cast<std::int64_t>(networks_.size());
  for (const Mlp& network : networks_) workspaces_.emplace_back(context, network, rows / count);
}

void MdsNetwork::forward(Context& context, MatrixView<const float> x, MatrixView<float> codes) {
  const std::int64_t rows = x.rows / static_cast<std::int64_t>(networks_.size());
  std::int64_t first = 0;
  for (std::size_t i = 0; i < networks_.size(); ++i, first += rows) {
    networks_[i].forward(context, x.row_range(first, rows), workspaces_[i],
                         codes.row_range(first, rows));
  }
}

void MdsNetwork::backward(Context& context, MatrixView<const float> x,
                          MatrixView<const float> grad_codes) {
  const std::int64_t rows = x.rows / static_cast<std::int64_t>(networks_.size());
  std::int64_t first = 0;
  for (std::size_t i = 0; i < networks_.size(); ++i, first += rows) {
    networks_[i].backward(context, x.row_range(first, rows), workspaces_[i],
                          grad_codes.row_range(first, rows));
    // The output has no bias: distances do not depend on it, and under Adam rounding errors would
    // move it.
    fill_zero(context, networks_[i].bias_gradient(networks_[i].layers() - 1));
  }
}

void MdsNetwork::save(Context& context, ArchiveWriter& archive) const {
  archive.add("means", means_);
  archive.add("rms", rms_);
  archive.add("networks", static_cast<std::int64_t>(networks_.size()));
  for (std::size_t i = 0; i < networks_.size(); ++i) {
    networks_[i].save(context, archive, "network" + std::to_string(i));
  }
}

MdsNetwork MdsNetwork::load(Context& context, const ArchiveReader& archive) {
  MdsNetwork result;
  result.rms_ = archive.number<float>("rms");
  if (!(result.rms_ > 0)) archive.fail("an rms above 0", std::to_string(result.rms_));
  const auto count = archive.number<std::int64_t>("networks", 1, 2);
  const MlpOptions saved = Mlp::saved_options(archive, "network0");
  if (saved.skip != MlpSkip::trained) {
    archive.fail("networks of skip trained", to_string(saved.skip));
  }
  std::vector<MlpOptions> options;
  for (std::int64_t i = 0; i < count; ++i) {
    Mlp::expect_saved(archive, "network" + std::to_string(i), saved);
    options.push_back(saved);
  }
  archive.expect_matrix<float>("means", 2, saved.widths.front());
  result.means_ = archive.matrix<float>("means");
  result.add_networks(context, options);
  for (std::size_t i = 0; i < options.size(); ++i) {
    result.networks_[i].read(context, archive, "network" + std::to_string(i));
  }
  return result;
}

}  // namespace clipk
