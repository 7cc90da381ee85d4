#include "models/autoencoder_problem.hpp"

#include <algorithm>

#include "clipk/io/sha256.hpp"
#include "clipk/ops/gather_rows.hpp"

namespace clipk {
namespace {

std::string digest(Context& context, MatrixView<const float> rows) {
  Matrix<float> host;
  if (rows.device != Device::cpu) {
    host = Matrix<float>(rows.rows, rows.cols);
    copy<float>(context, rows, host.view());
    rows = host;
  }
  Sha256 hash;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    hash.update(rows.row(i), static_cast<std::size_t>(rows.cols) * sizeof(float));
  }
  return to_hex(hash.digest());
}

}  // namespace

AutoencoderProblem::AutoencoderProblem(Context& context, MatrixView<const float> rows,
                                       const AutoencoderOptions& options,
                                       AutoencoderNetwork& network)
    : context_(context), rows_(rows), network_(network) {
  const std::int64_t batch = std::min(options.batch, rows.rows);
  workspace_ = AutoencoderNetwork::Workspace(context, network, batch);
  batch_ = Matrix<float>(context, batch, rows.cols);
}

void AutoencoderProblem::step(Context& context, const Batch& batch, VectorView<double> loss) {
  const MatrixView<float> x = batch_.view().row_range(0, batch.rows.size);
  gather_rows(context, rows_, batch.rows, x);
  network_.encode(context, x, workspace_);
  network_.reconstruct(context, x, 1, workspace_, loss);
  network_.encode_backward(context, x, workspace_);
}

std::string AutoencoderProblem::fingerprint() const {
  std::string text = "autoencoder";
  char join = ' ';
  for (const std::int64_t width : network_.shape().widths) {
    text += join + std::to_string(width);
    join = '-';
  }
  return text + " " + to_string(network_.shape().activation) + " of " + std::to_string(rows_.rows) +
         " rows " + digest(context_, rows_);
}

}  // namespace clipk
