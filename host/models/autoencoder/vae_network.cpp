#include "clipk/models/vae_network.hpp"

#include <string>
#include <utility>

#include "clipk/ops/gaussian_posterior.hpp"
#include "clipk/ops/mse_loss.hpp"
#include "models/autoencoder/mirrored_options.hpp"

namespace clipk {
namespace {

MlpOptions encoder_options(const AutoencoderShape& shape) {
  MlpOptions options{.widths = shape.widths, .activation = shape.activation, .init = shape.init};
  if (!options.widths.empty()) options.widths.back() *= 2;  // the network reports missing widths
  return options;
}

}  // namespace

template <class T>
BasicVaeNetwork<T>::BasicVaeNetwork(Context& context, AutoencoderShape shape)
    : shape_(std::move(shape)),
      parameters_(context, {BasicMlp<T>::parameter_size(encoder_options(shape_)),
                            BasicMlp<T>::parameter_size(decoder_options(shape_))}),
      encoder_(context, encoder_options(shape_), parameters_.part(0)),
      decoder_(context, decoder_options(shape_), parameters_.part(1)) {}

template <class T>
BasicVaeNetwork<T>::Workspace::Workspace(Context& context, const BasicVaeNetwork& network,
                                         std::int64_t rows)
    : encoder(context, network.encoder_, rows),
      decoder(context, network.decoder_, rows),
      heads(context, rows, 2 * network.code()),
      grad_heads(context, rows, 2 * network.code()),
      codes(context, rows, network.code()),
      grad_codes(context, rows, network.code()),
      output(context, rows, network.inputs()),
      grad_output(context, rows, network.inputs()) {}

template <class T>
void BasicVaeNetwork<T>::step(Context& context, MatrixView<const T> x, T sigma,
                              VectorView<const std::uint64_t> step, Workspace& workspace,
                              VectorView<double> loss) {
  const auto first_rows = [&](Matrix<T>& matrix) { return matrix.view().row_range(0, x.rows); };
  const MatrixView<T> heads = first_rows(workspace.heads), codes = first_rows(workspace.codes);
  const MatrixView<T> output = first_rows(workspace.output);
  const MatrixView<T> grad_heads = first_rows(workspace.grad_heads);
  const MatrixView<T> grad_codes = first_rows(workspace.grad_codes);
  const MatrixView<T> grad_output = first_rows(workspace.grad_output);
  const MatrixView<const T> means = mean(heads), log_variances = log_variance(heads);

  encoder_.forward(context, x, workspace.encoder, heads);
  gaussian_posterior(context, means, log_variances, {}, step, codes, loss);
  decoder_.forward(context, codes, workspace.decoder, output);
  fill_zero(context, grad_output);
  // mse_loss is the mean over the columns; this loss is their sum.
  const T weight = static_cast<T>(inputs()) / (2 * sigma * sigma);
  mse_loss(context, output, x, weight, loss, grad_output);
  decoder_.backward(context, codes, workspace.decoder, grad_output, grad_codes);
  gaussian_posterior_backward(context, means, log_variances, codes, {}, grad_codes,
                              mean(grad_heads), log_variance(grad_heads));
  encoder_.backward(context, x, workspace.encoder, grad_heads);
}

template <class T>
void BasicVaeNetwork<T>::save(Context& context, ArchiveWriter& archive,
                              std::string_view prefix) const {
  encoder_.save(context, archive, std::string(prefix) + "/encoder");
  decoder_.save(context, archive, std::string(prefix) + "/decoder");
}

template <class T>
BasicVaeNetwork<T> BasicVaeNetwork<T>::load(Context& context, const ArchiveReader& archive,
                                            std::string_view prefix) {
  const std::string encoder = std::string(prefix) + "/encoder";
  const std::string decoder = std::string(prefix) + "/decoder";
  const MlpOptions saved = BasicMlp<T>::saved_options(archive, decoder);
  const AutoencoderShape shape{.widths = {saved.widths.rbegin(), saved.widths.rend()},
                               .activation = saved.activation};
  BasicMlp<T>::expect_saved(archive, encoder, encoder_options(shape));  // before memory is taken
  BasicVaeNetwork result(context, shape);
  result.encoder_.read(context, archive, encoder);
  result.decoder_.read(context, archive, decoder);
  return result;
}

template class BasicVaeNetwork<float>;
template class BasicVaeNetwork<double>;

}  // namespace clipk
