#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/train/mlp.hpp"
#include "clipk/train/parameters.hpp"

namespace clipk {

/// Layers of an encoder; the decoder mirrors them.
struct AutoencoderShape {
  std::vector<std::int64_t> widths;          ///< of the encoder: inputs, hidden layers, code
  Activation activation = Activation::relu;  ///< of the hidden layers; code and output are linear
  Init init = Init::glorot_uniform;          ///< of the weights of both
};

/// An encoder and its mirror image as decoder, with room between them for parameters of the caller
/// (cluster centres). They lie in one array in this order: encoder, between, decoder; so one
/// trainer trains all, or all but the decoder.
///
/// A training step consists of the three calls below:
///   codes = encode(x);  grad_codes = reconstruct(target);  encode_backward(x)
/// where the caller may add other losses' gradients to grad_codes before the last one, or fill
/// grad_codes instead of the second.
template <class T>
class BasicAutoencoderNetwork {
 public:
  /// Weights are drawn from the context's seed. @param between size of the room, all 0 at first
  /// @throws Error if there are fewer than two widths or one is below 1.
  BasicAutoencoderNetwork(Context& context, AutoencoderShape shape, std::int64_t between = 0);
  /// A copy of the networks with its own parameters and other room between them (0 at first).
  BasicAutoencoderNetwork copy(Context& context, std::int64_t between = 0) const;

  /// The shape given to the constructor.
  const AutoencoderShape& shape() const { return shape_; }
  std::int64_t inputs() const { return encoder_.inputs(); }  ///< columns of a row
  std::int64_t code() const { return encoder_.outputs(); }   ///< columns of a code
  /// The network from rows to codes.
  BasicMlp<T>& encoder() { return encoder_; }
  /// The network from codes to rows.
  BasicMlp<T>& decoder() { return decoder_; }
  /// The network from rows to codes.
  const BasicMlp<T>& encoder() const { return encoder_; }
  /// The network from codes to rows.
  const BasicMlp<T>& decoder() const { return decoder_; }

  /// [between]
  BasicParameterSlice<T> between() { return parameters_.part(1); }
  /// All parameters: encoder, between, decoder.
  BasicParameterSlice<T> parameters() { return parameters_.all(); }
  /// Encoder and between: the front of parameters().
  BasicParameterSlice<T> parameters_without_decoder() { return parameters_.parts(0, 2); }

  /// The values that a step of up to `rows` rows keeps: allocated once by the caller, reused in
  /// every step.
  struct Workspace {
    Workspace() = default;
    /// For steps of at most `rows` rows of this network.
    Workspace(Context& context, const BasicAutoencoderNetwork& network, std::int64_t rows);

    typename BasicMlp<T>::Workspace encoder;  ///< its hidden layers
    typename BasicMlp<T>::Workspace decoder;  ///< its hidden layers
    Matrix<T> codes;                          ///< [rows, code]
    Matrix<T> grad_codes;                     ///< of a loss, likewise
    Matrix<T> output;                         ///< [rows, inputs]
    Matrix<T> grad_output;                    ///< of a loss, likewise
  };

  /// workspace.codes = encoder(x) in its first n rows. @param x [n, inputs]
  void encode(Context& context, MatrixView<const T> x, Workspace& workspace) const;
  /// workspace.output = decoder(codes) of the n codes; mse_loss of it against the target, with this
  /// weight, is added to `loss` [1]; the decoder's gradients and grad_codes are overwritten.
  /// @param target [n, inputs]
  void reconstruct(Context& context, MatrixView<const T> target, T weight, Workspace& workspace,
                   VectorView<double> loss);
  /// The encoder's gradients (overwritten) from the first n rows of workspace.grad_codes.
  /// @param x [n, inputs], the input of encode
  void encode_backward(Context& context, MatrixView<const T> x, Workspace& workspace);

  /// Saves as entries PREFIX/encoder/..., PREFIX/decoder/... of an archive, without the
  /// part between.
  void save(Context& context, ArchiveWriter& archive, std::string_view prefix) const;
  /// @throws Error that names file and entry where one is missing or of another shape.
  static BasicAutoencoderNetwork load(Context& context, const ArchiveReader& archive,
                                      std::string_view prefix, std::int64_t between = 0);

 private:
  AutoencoderShape shape_;
  BasicParameters<T> parameters_;
  BasicMlp<T> encoder_, decoder_;
};

using AutoencoderNetwork = BasicAutoencoderNetwork<float>;  ///< In float32, as models hold it.
extern template class BasicAutoencoderNetwork<float>;
extern template class BasicAutoencoderNetwork<double>;

}  // namespace clipk
