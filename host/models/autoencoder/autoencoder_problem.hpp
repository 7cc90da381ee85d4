#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/models/autoencoder.hpp"
#include "clipk/ops/corrupt.hpp"
#include "clipk/train/trainer.hpp"

namespace clipk {

/// The data of both problems below: scaled rows, and their digest for checkpoints.
class AutoencoderRows {
 public:
  /// @param rows [n, d] on the context's device, kept alive by the caller
  /// @param variance the mean over all values of (value - its column's mean)^2; 0: not known
  AutoencoderRows(Context& context, MatrixView<const float> rows, double variance = 0)
      : context_(context), rows_(rows), variance_(variance) {}
  MatrixView<const float> view() const { return rows_; }
  double variance() const { return variance_; }
  /// "70000 rows 4f0c...": computed at the first call.
  const std::string& description() const;

 private:
  Context& context_;
  MatrixView<const float> rows_;
  double variance_;
  mutable std::string description_;
};

/// "784-500-10 relu".
std::string describe(const AutoencoderShape& shape);

/// Saves the entries of an archive.
void save_layer_losses(ArchiveWriter& archive, const std::vector<std::vector<double>>& losses);
std::vector<std::vector<double>> load_layer_losses(const ArchiveReader& archive);

/// The reconstruction of a batch of rows, corrupted or not.
class AutoencoderProblem : public TrainingProblem {
 public:
  /// All that is referred to must outlive the problem.
  /// @param network as the training starts from it
  /// @param layer_losses of the greedy start: a checkpoint keeps them
  AutoencoderProblem(Context& context, const AutoencoderRows& rows,
                     const AutoencoderOptions& options, AutoencoderNetwork& network,
                     std::vector<std::vector<double>>& layer_losses);

  VectorView<float> parameters() override { return network_.parameters().values; }
  VectorView<float> gradients() override { return network_.parameters().gradients; }
  std::int64_t rows() const override { return rows_.view().rows; }
  void step(Context& context, const Batch& batch, VectorView<double> loss) override;
  std::string fingerprint() const override;
  /// Fails a network whose reconstructions are no better than the rows' mean, although it had more
  /// than a few steps or its loss has not fallen, and that has diverged: the loss has risen above
  /// its start or its minimum, or units are dead, so that all reconstructions are equal.
  std::optional<std::string> failure(Context& context, const std::vector<double>& losses) override;
  void save_state(Context&, ArchiveWriter& archive) const override {
    save_layer_losses(archive, layer_losses_);
  }
  void load_state(Context&, const ArchiveReader& archive) override {
    layer_losses_ = load_layer_losses(archive);
    const int layers = options_.layer_epochs > 0 ? network_.encoder().layers() : 0;
    if (static_cast<int>(layer_losses_.size()) != layers) {
      archive.fail("losses of " + std::to_string(layers) + " layers",
                   std::to_string(layer_losses_.size()));
    }
  }

 private:
  double error_of_rows(Context& context) const;
  double error_at_start(Context& context) const;
  bool gives_one_row_back(Context& context) const;  // the same for every row: units are dead

  const AutoencoderRows& rows_;
  const AutoencoderOptions& options_;
  AutoencoderNetwork& network_;
  std::vector<std::vector<double>>& layer_losses_;
  Matrix<float> start_;  // [1, parameters]
  AutoencoderNetwork::Workspace workspace_;
  Matrix<float> clean_, corrupted_;  // [batch, d]; the second is empty where it is not needed
};

/// One layer of the encoder and its mirror image in the decoder, trained on the output of the
/// layers before it for a batch. That output is computed again in every step, a quarter more work
/// over all layers, so that no array of all rows is stored.
class LayerProblem : public TrainingProblem {
 public:
  /// Starts from the network's own weights. All that is referred to must outlive the problem.
  LayerProblem(Context& context, const AutoencoderRows& rows, const AutoencoderOptions& options,
               const AutoencoderNetwork& network, int layer);
  /// Copies the trained weights into the network.
  void put_into(Context& context, AutoencoderNetwork& network);

  VectorView<float> parameters() override { return parameters_.all().values; }
  VectorView<float> gradients() override { return parameters_.all().gradients; }
  std::int64_t rows() const override { return rows_.view().rows; }
  void step(Context& context, const Batch& batch, VectorView<double> loss) override;
  std::string fingerprint() const override;

 private:
  bool is_first() const { return layer_ == 0; }
  bool is_code() const { return layer_ + 1 == network_.encoder().layers(); }
  int mirror() const { return network_.encoder().layers() - 1 - layer_; }
  CorruptOptions dropout_of(int side) const;
  MatrixView<float> input_of_layer(Context& context, const Batch& batch);

  const AutoencoderRows& rows_;
  const AutoencoderOptions& options_;
  const AutoencoderNetwork& network_;
  int layer_;
  Parameters parameters_;
  Mlp down_, up_;                            // of one layer each
  std::vector<Matrix<float>> inputs_;        // of layers 0 ... layer_, [batch, width]
  Matrix<float> corrupted_;                  // [batch, in]
  Matrix<float> value_, kept_, grad_value_;  // [batch, out]: before and after dropout
  Matrix<float> output_, grad_output_;       // [batch, in]
};

}  // namespace clipk
