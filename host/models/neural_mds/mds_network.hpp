#pragma once

#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/models/neural_mds.hpp"
#include "clipk/train/mlp.hpp"
#include "clipk/train/parameters.hpp"

namespace clipk {

/// The map of a NeuralMds: the means subtracted from rows, and one network or one per modality,
/// with the parameters of both in one array.
class MdsNetwork {
 public:
  /// @param starts [dim, D] each: P of every network, on the host
  /// @param means [2, D] on the host, by modality
  MdsNetwork(Context& context, const NeuralMdsOptions& options,
             const std::vector<Matrix<float>>& starts, Matrix<float> means, float rms);

  std::int64_t inputs() const { return networks_[0].inputs(); }
  std::int64_t outputs() const { return networks_[0].outputs(); }
  float rms() const { return rms_; }

  /// x' on the context's device, from rows on any device.
  Matrix<float> prepared(Context& context, MatrixView<const float> rows, Modality modality) const;
  /// g(x) in the units of the rows.
  Matrix<float> transform(Context& context, MatrixView<const float> rows, Modality modality) const;

  VectorView<float> parameters() { return parameters_.all().values; }
  VectorView<float> gradients() { return parameters_.all().gradients; }

  /// Plans the workspaces for steps over x [2n, D]: images, then texts.
  void plan(Context& context, std::int64_t rows);
  void forward(Context& context, MatrixView<const float> x, MatrixView<float> codes);
  void backward(Context& context, MatrixView<const float> x, MatrixView<const float> grad_codes);

  void save(Context& context, ArchiveWriter& archive) const;
  static MdsNetwork load(Context& context, const ArchiveReader& archive);

 private:
  MdsNetwork() = default;
  const Mlp& of(Modality modality) const {
    return networks_[modality == Modality::text ? networks_.size() - 1 : 0];
  }

  void add_networks(Context& context, const std::vector<MlpOptions>& options);

  Parameters parameters_;  // of the networks, one after the other
  std::vector<Mlp> networks_;
  std::vector<Mlp::Workspace> workspaces_;
  Matrix<float> means_;  // [2, D] on the host
  float rms_ = 1;
};

}  // namespace clipk
