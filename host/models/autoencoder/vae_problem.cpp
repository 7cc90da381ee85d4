#include "models/autoencoder/vae_problem.hpp"

#include <algorithm>
#include <sstream>

#include "clipk/ops/gather_rows.hpp"

namespace clipk {

VaeProblem::VaeProblem(Context& context, const AutoencoderRows& rows, const VaeOptions& options,
                       VaeNetwork& network)
    : rows_(rows), options_(options), network_(network) {
  const std::int64_t batch = std::min(options.batch, rows.view().rows);
  workspace_ = VaeNetwork::Workspace(context, network, batch);
  x_ = Matrix<float>(context, batch, network.inputs());
}

void VaeProblem::step(Context& context, const Batch& batch, VectorView<double> loss) {
  const MatrixView<float> x = x_.view().row_range(0, batch.rows.size);
  gather_rows(context, rows_.view(), batch.rows, x);
  network_.step(context, x, options_.sigma, batch.step, workspace_, loss);
}

std::string VaeProblem::fingerprint() const {
  std::ostringstream text;
  text << "vae " << describe(network_.shape()) << ' ' << to_string(network_.shape().init)
       << ", sigma " << options_.sigma << ", of " << rows_.description();
  return text.str();
}

}  // namespace clipk
