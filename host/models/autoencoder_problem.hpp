#pragma once

#include <string>

#include "clipk/core/matrix.hpp"
#include "clipk/models/autoencoder.hpp"
#include "clipk/train/trainer.hpp"

namespace clipk {

/// The reconstruction of a batch of rows as the trainer sees it.
class AutoencoderProblem : public TrainingProblem {
 public:
  /// @param rows [n, d] on the context's device; they and the network must outlive the problem
  AutoencoderProblem(Context& context, MatrixView<const float> rows,
                     const AutoencoderOptions& options, AutoencoderNetwork& network);

  VectorView<float> parameters() override { return network_.parameters().values; }
  VectorView<float> gradients() override { return network_.parameters().gradients; }
  std::int64_t rows() const override { return rows_.rows; }
  void step(Context& context, const Batch& batch, VectorView<double> loss) override;
  std::string fingerprint() const override;

 private:
  Context& context_;
  MatrixView<const float> rows_;
  AutoencoderNetwork& network_;
  AutoencoderNetwork::Workspace workspace_;
  Matrix<float> batch_;
};

}  // namespace clipk
