#pragma once

#include "clipk/core/matrix.hpp"
#include "clipk/models/autoencoder_network.hpp"
#include "clipk/ops/soft_assignment.hpp"

namespace clipk {

/// The networks of an autoencoder and k centres among its codes, in one array of parameters:
/// encoder, centres, decoder. Under von Mises-Fisher, codes and centres are scaled to length one
/// when used; the parameters keep their length.
class DecNetwork {
 public:
  /// @param network with room for k x code values between encoder and decoder
  DecNetwork(AutoencoderNetwork network, std::int64_t k, const SoftAssignmentOptions& soft);

  AutoencoderNetwork& networks() { return network_; }
  const AutoencoderNetwork& networks() const { return network_; }
  const SoftAssignmentOptions& soft() const { return soft_; }
  std::int64_t k() const { return k_; }
  std::int64_t code() const { return network_.code(); }
  bool spherical() const { return soft_.kernel == SoftKernel::von_mises_fisher; }

  /// [k, code], as parameters.
  MatrixView<float> raw_centres();
  /// The centres as they are compared with codes, on the context's device.
  Matrix<float> centres(Context& context);
  /// Codes [m, code] of (scaled) rows, as they are compared with centres.
  void encode(Context& context, MatrixView<const float> rows, MatrixView<float> codes) const;

  /// Plans the steps of up to `batch` rows.
  void plan(Context& context, std::int64_t batch);
  /// Overwrites the gradients with those of gamma KL(P||Q) + reconstruction * MSE over the rows,
  /// and adds that loss to `loss` [1]. The decoder's are not changed if reconstruction is 0.
  /// @param x [b, d]  @param p [b, k]
  void step(Context& context, MatrixView<const float> x, MatrixView<const float> p, float gamma,
            float reconstruction, VectorView<double> loss);

 private:
  AutoencoderNetwork network_;
  std::int64_t k_;
  SoftAssignmentOptions soft_;

  AutoencoderNetwork::Workspace workspace_;
  // For codes and centres at length one.
  Matrix<float> unit_codes_, grad_unit_codes_, code_lengths_, velocity_, minus_one_;
  Matrix<float> unit_centres_, grad_unit_centres_, centre_lengths_;
};

}  // namespace clipk
