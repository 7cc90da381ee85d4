#pragma once

#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/models/neural_mds.hpp"
#include "clipk/ops/full_quad_hinge_loss.hpp"
#include "clipk/ops/stress_loss.hpp"
#include "clipk/train/trainer.hpp"
#include "models/neural_mds/mds_network.hpp"

namespace clipk {

/// Pairs on the host: those that a NeuralMds is fitted to, or chooses its number of epochs by.
struct MdsPairs {
  MatrixView<const float> images, texts;
};

/// The losses of NeuralMds as the trainer sees them: one step takes all rows.
class MdsProblem : public TrainingProblem {
 public:
  /// @param held_out pairs that choose the number of epochs, or empty views
  MdsProblem(Context& context, const MdsPairs& pairs, const MdsPairs& held_out,
             const NeuralMdsOptions& options, MdsNetwork& network);

  VectorView<float> parameters() override { return network_.parameters(); }
  VectorView<float> gradients() override { return network_.gradients(); }
  std::int64_t rows() const override { return 0; }
  void step(Context& context, const Batch& batch, VectorView<double> loss) override;
  /// 1 - the mean reciprocal rank of retrieval among the held-out pairs, over both directions.
  std::optional<double> held_out_loss(Context& context) override;
  std::string fingerprint() const override;

 private:
  enum class Pairs : std::uint8_t { image_image, text_text, image_text };
  /// One of the three blocks of distances: their source, and the draw of quadruples.
  struct Block {
    Pairs pairs;
    float weight = 0;
    Matrix<float> rows_x, rows_y;  // rows whose distances are kept; rows_y is empty within one set
    Matrix<float> distances;       // empty where they are recomputed from the rows
    Matrix<std::int32_t> near_rows, near_cols;
    TargetDistances target() const;
    QuadHingeOptions quads;
    QuadOrder order;  // of a block that takes every quadruple; its count is 0 elsewhere
  };

  void add_block(Context& context, const MdsPairs& pairs, Pairs kind, float weight);
  void add_isotonic(Context& context, const Block& block, const Batch& batch,
                    VectorView<double> loss);
  void add_isometric(Context& context, const Block& block, VectorView<double> loss);
  MatrixView<float> half(Matrix<float>& both, Pairs kind) const;

  NeuralMdsOptions options_;
  MdsNetwork& network_;
  std::int64_t n_;    // pairs
  std::string data_;  // digest of the rows
  MdsPairs held_out_;
  std::vector<Block> blocks_;
  Matrix<float> x_;                   // [2n, D]: images, then texts, prepared
  Matrix<float> codes_, grad_codes_;  // [2n, D']
  Matrix<float> units_, grad_units_;  // the same, of unit codes
  Matrix<float> lengths_;             // [1, 2n]
};

}  // namespace clipk
