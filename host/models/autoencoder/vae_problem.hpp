#pragma once

#include <string>

#include "clipk/models/vae.hpp"
#include "clipk/models/vae_network.hpp"
#include "models/autoencoder/autoencoder_problem.hpp"

namespace clipk {

/// The loss of a Vae on a batch of rows.
class VaeProblem : public TrainingProblem {
 public:
  /// All that is referred to must outlive the problem.
  VaeProblem(Context& context, const AutoencoderRows& rows, const VaeOptions& options,
             VaeNetwork& network);

  VectorView<float> parameters() override { return network_.parameters().values; }
  VectorView<float> gradients() override { return network_.parameters().gradients; }
  std::int64_t rows() const override { return rows_.view().rows; }
  void step(Context& context, const Batch& batch, VectorView<double> loss) override;
  std::string fingerprint() const override;

 private:
  const AutoencoderRows& rows_;
  const VaeOptions& options_;
  VaeNetwork& network_;
  VaeNetwork::Workspace workspace_;
  Matrix<float> x_;  // [batch, d]
};

}  // namespace clipk
