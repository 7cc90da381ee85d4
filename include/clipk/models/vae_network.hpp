#pragma once

#include <cstdint>
#include <string_view>

#include "clipk/core/matrix.hpp"
#include "clipk/models/autoencoder_network.hpp"

namespace clipk {

/// An encoder to mean and logarithm of the variance of each code column, side by side, and a
/// decoder of the mirrored shape, in one array of parameters.
template <class T>
class BasicVaeNetwork {
 public:
  /// @param shape widths: inputs, hidden layers, code. Weights are drawn from the context's seed.
  BasicVaeNetwork(Context& context, AutoencoderShape shape);

  /// The shape given to the constructor.
  const AutoencoderShape& shape() const { return shape_; }
  std::int64_t inputs() const { return decoder_.outputs(); }  ///< columns of a row
  std::int64_t code() const { return decoder_.inputs(); }     ///< columns of a code
  /// The network from rows to means and log-variances.
  BasicMlp<T>& encoder() { return encoder_; }
  /// The network from codes to rows.
  BasicMlp<T>& decoder() { return decoder_; }
  /// The network from rows to means and log-variances.
  const BasicMlp<T>& encoder() const { return encoder_; }
  /// The network from codes to rows.
  const BasicMlp<T>& decoder() const { return decoder_; }
  /// All parameters, in one array.
  BasicParameterSlice<T> parameters() { return parameters_.all(); }

  /// The half of the encoder's output [n, 2 code] that holds the means.
  template <class U>
  MatrixView<U> mean(MatrixView<U> heads) const {
    return heads.col_range(0, code());
  }
  /// The other half, which holds the log-variances.
  template <class U>
  MatrixView<U> log_variance(MatrixView<U> heads) const {
    return heads.col_range(code(), code());
  }

  /// The values that a step of up to `rows` rows keeps: allocated once by the caller, reused in
  /// every step.
  struct Workspace {
    Workspace() = default;
    /// For steps of at most `rows` rows of this network.
    Workspace(Context& context, const BasicVaeNetwork& network, std::int64_t rows);

    typename BasicMlp<T>::Workspace encoder;  ///< its hidden layers
    typename BasicMlp<T>::Workspace decoder;  ///< its hidden layers
    Matrix<T> heads;                          ///< [rows, 2 code]
    Matrix<T> grad_heads;                     ///< of a loss, likewise
    Matrix<T> codes;                          ///< [rows, code]
    Matrix<T> grad_codes;                     ///< of a loss, likewise
    Matrix<T> output;                         ///< [rows, inputs]
    Matrix<T> grad_output;                    ///< of a loss, likewise
  };

  /// Overwrites the gradients with those of the batch's loss (see Vae), and adds it to `loss` [1].
  /// @param x [n, inputs]  @param step [1] that addresses the noise
  void step(Context& context, MatrixView<const T> x, T sigma, VectorView<const std::uint64_t> step,
            Workspace& workspace, VectorView<double> loss);

  /// Saves as entries PREFIX/encoder/..., PREFIX/decoder/... of an archive.
  void save(Context& context, ArchiveWriter& archive, std::string_view prefix) const;
  /// @throws Error that names file and entry where one is missing or of another shape.
  static BasicVaeNetwork load(Context& context, const ArchiveReader& archive,
                              std::string_view prefix);

 private:
  AutoencoderShape shape_;
  BasicParameters<T> parameters_;
  BasicMlp<T> encoder_, decoder_;
};

using VaeNetwork = BasicVaeNetwork<float>;  ///< In float32, as models hold it.
extern template class BasicVaeNetwork<float>;
extern template class BasicVaeNetwork<double>;

}  // namespace clipk
