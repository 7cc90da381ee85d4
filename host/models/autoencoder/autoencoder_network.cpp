#include "clipk/models/autoencoder_network.hpp"

#include <string>
#include <utility>

#include "clipk/ops/mse_loss.hpp"
#include "models/autoencoder/mirrored_options.hpp"

namespace clipk {
namespace {

MlpOptions encoder_options(const AutoencoderShape& shape) {
  return {.widths = shape.widths, .activation = shape.activation, .init = shape.init};
}

}  // namespace

template <class T>
BasicAutoencoderNetwork<T>::BasicAutoencoderNetwork(Context& context, AutoencoderShape shape,
                                                    std::int64_t between)
    : shape_(std::move(shape)),
      parameters_(context, {BasicMlp<T>::parameter_size(encoder_options(shape_)), between,
                            BasicMlp<T>::parameter_size(decoder_options(shape_))}),
      encoder_(context, encoder_options(shape_), parameters_.part(0)),
      decoder_(context, decoder_options(shape_), parameters_.part(2)) {}

template <class T>
BasicAutoencoderNetwork<T> BasicAutoencoderNetwork<T>::copy(Context& context,
                                                            std::int64_t between) const {
  BasicAutoencoderNetwork result(context, shape_, between);
  clipk::copy<T>(context, encoder_.parameters(), result.encoder_.parameters());
  clipk::copy<T>(context, decoder_.parameters(), result.decoder_.parameters());
  return result;
}

template <class T>
BasicAutoencoderNetwork<T>::Workspace::Workspace(Context& context,
                                                 const BasicAutoencoderNetwork& network,
                                                 std::int64_t rows)
    : encoder(context, network.encoder_, rows),
      decoder(context, network.decoder_, rows),
      codes(context, rows, network.code()),
      grad_codes(context, rows, network.code()),
      output(context, rows, network.inputs()),
      grad_output(context, rows, network.inputs()) {}

template <class T>
void BasicAutoencoderNetwork<T>::encode(Context& context, MatrixView<const T> x,
                                        Workspace& workspace) const {
  encoder_.forward(context, x, workspace.encoder, workspace.codes.view().row_range(0, x.rows));
}

template <class T>
void BasicAutoencoderNetwork<T>::reconstruct(Context& context, MatrixView<const T> target, T weight,
                                             Workspace& workspace, VectorView<double> loss) {
  const auto first_rows = [&](Matrix<T>& matrix) {
    return matrix.view().row_range(0, target.rows);
  };
  const MatrixView<T> output = first_rows(workspace.output);
  const MatrixView<T> grad_output = first_rows(workspace.grad_output);
  decoder_.forward(context, first_rows(workspace.codes), workspace.decoder, output);
  fill_zero(context, grad_output);
  mse_loss(context, output, target, weight, loss, grad_output);
  decoder_.backward(context, first_rows(workspace.codes), workspace.decoder, grad_output,
                    first_rows(workspace.grad_codes));
}

template <class T>
void BasicAutoencoderNetwork<T>::encode_backward(Context& context, MatrixView<const T> x,
                                                 Workspace& workspace) {
  encoder_.backward(context, x, workspace.encoder,
                    workspace.grad_codes.view().row_range(0, x.rows));
}

template <class T>
void BasicAutoencoderNetwork<T>::save(Context& context, ArchiveWriter& archive,
                                      std::string_view prefix) const {
  encoder_.save(context, archive, std::string(prefix) + "/encoder");
  decoder_.save(context, archive, std::string(prefix) + "/decoder");
}

template <class T>
BasicAutoencoderNetwork<T> BasicAutoencoderNetwork<T>::load(Context& context,
                                                            const ArchiveReader& archive,
                                                            std::string_view prefix,
                                                            std::int64_t between) {
  const std::string encoder = std::string(prefix) + "/encoder";
  const std::string decoder = std::string(prefix) + "/decoder";
  const MlpOptions saved = BasicMlp<T>::saved_options(archive, encoder);
  const AutoencoderShape shape{.widths = saved.widths, .activation = saved.activation};
  BasicMlp<T>::expect_saved(archive, decoder, decoder_options(shape));  // before memory is taken
  BasicAutoencoderNetwork result(context, shape, between);
  result.encoder_.read(context, archive, encoder);
  result.decoder_.read(context, archive, decoder);
  return result;
}

template class BasicAutoencoderNetwork<float>;
template class BasicAutoencoderNetwork<double>;

}  // namespace clipk
