// Networks that reduce dimensions.
#include "clipk/models/autoencoder.hpp"
#include "clipk/models/neural_mds.hpp"
#include "clipk/models/probe.hpp"
#include "clipk/models/vae.hpp"
#include "clipk/models/vae_network.hpp"
#include "reproducibility/factors.hpp"
#include "reproducibility/golden.hpp"

namespace clipk::golden {
namespace {

void reduced(Run& run, const NeuralMdsOptions& options) {
  const auto images = run.inputs.directions(123, 37), texts = run.inputs.directions(123, 37);
  const NeuralMds mds = NeuralMds::fit(run.context, images, texts, options);
  run.add(mds.losses(), mds.transform(run.context, images, Modality::image),
          mds.transform(run.context, texts, Modality::text));
}

NeuralMdsOptions isotonic() {
  NeuralMdsOptions options;
  options.dim = 9;
  options.hidden = 33;
  options.quads_per_epoch = 20'000;
  options.epochs = 6;
  return options;
}

NeuralMdsOptions isometric() {
  NeuralMdsOptions options = isotonic();
  options.objective = MdsObjective::isometric;
  options.network_per_modality = true;
  options.start = MdsStart::retrieval_axes;
  options.blocks = {.image_image = 1, .text_text = 1, .image_text = 1};
  return options;
}

NeuralMdsOptions inner_split() {
  NeuralMdsOptions options = isotonic();
  options.hidden = 0;
  options.inner_share = 0.3;
  options.patience = 2;
  return options;
}

NeuralMdsOptions every_quadruple() {
  NeuralMdsOptions options = isotonic();
  options.every_quadruple = true;
  return options;
}

const Registered kNeuralMdsEveryQuadruple =
    one("models/neural_mds/every_quadruple", [](Run& run) { reduced(run, every_quadruple()); });

const Registered kNeuralMdsIsotonic =
    one("models/neural_mds/isotonic", [](Run& run) { reduced(run, isotonic()); });

const Registered kNeuralMdsIsometric =
    one("models/neural_mds/isometric", [](Run& run) { reduced(run, isometric()); });

const Registered kNeuralMdsInnerSplit =
    one("models/neural_mds/inner_split", [](Run& run) { reduced(run, inner_split()); });

void encoded(Run& run, const AutoencoderOptions& options) {
  const auto rows = run.inputs.clustered(301, 37, 5);
  const Autoencoder model = Autoencoder::fit(run.context, rows, options);
  const Matrix<float> codes = model.encode(run.context, rows);
  run.add(model.losses(), model.scaled(run.context, rows), codes, model.decode(run.context, codes),
          model.reconstruction_error(run.context, rows));
  for (const auto& losses : model.layer_losses()) run.add(losses);
}

AutoencoderOptions plain() {
  AutoencoderOptions options;
  options.hidden = {70, 33};
  options.code = 5;
  options.epochs = 3;
  options.batch = 64;
  return options;
}

AutoencoderOptions layer_by_layer() {
  AutoencoderOptions options = plain();
  options.activation = Activation::sigmoid;
  options.init = Init::glorot_uniform;
  options.scaling = RowScaling::equal_length;
  options.dropout = 0.1F;
  options.noise = 0.1F;
  options.layer_epochs = 2;
  options.optimizer = Optimizer::adam;
  options.rate = 1e-3;
  return options;
}

const Registered kAutoencoderPlain =
    one("models/autoencoder/plain", [](Run& run) { encoded(run, plain()); });

const Registered kAutoencoderLayerByLayer =
    one("models/autoencoder/layer_by_layer", [](Run& run) { encoded(run, layer_by_layer()); });

// Far from 0 and from unit size, at a rate that is too high at first.
const Registered kAutoencoderRestarted = one("models/autoencoder/restarted", [](Run& run) {
  auto rows = run.inputs.clustered(301, 7, 5);
  for (float& value : rows.flat()) value = 1024 * value + 4096;
  AutoencoderOptions options = plain();
  options.scaling = RowScaling::none;
  options.rate = 256;
  const Autoencoder model = Autoencoder::fit(run.context, rows, options);
  const Matrix<float> codes = model.encode(run.context, rows);
  run.add(model.losses(), codes, model.decode(run.context, codes));
});

const Registered kAutoencoderNetworkStep =
    both("models/autoencoder_network/step", [](Run& run, auto zero) {
      using T = decltype(zero);
      BasicAutoencoderNetwork<T> network(run.context, {.widths = {37, 33, 5}}, 7);
      typename BasicAutoencoderNetwork<T>::Workspace workspace(run.context, network, 100);
      const auto x = run.inputs.uniform<T>(100, 37);
      double loss = 0;
      network.encode(run.context, x, workspace);
      network.reconstruct(run.context, x, 1, workspace, VectorView<double>(&loss, 1));
      network.encode_backward(run.context, x, workspace);
      run.add(loss, workspace.codes, workspace.output, network.parameters().gradients);
    });

const Registered kVaeFit = one("models/vae/fit", [](Run& run) {
  const auto rows = run.inputs.clustered(301, 37, 5);
  VaeOptions options;
  options.hidden = {33};
  options.code = 5;
  options.sigma = 0.3F;
  options.epochs = 3;
  options.batch = 64;
  const Vae vae = Vae::fit(run.context, rows, options);
  const VaePosterior codes = vae.posterior(run.context, rows);
  run.add(vae.losses(), codes.mean, codes.log_variance, vae.sample_codes(run.context, rows, 2),
          vae.decode(run.context, codes.mean), vae.reconstruction_error(run.context, rows),
          vae.divergences(run.context, rows));
});

const Registered kVaeNetworkStep = both("models/vae_network/step", [](Run& run, auto zero) {
  using T = decltype(zero);
  BasicVaeNetwork<T> network(run.context, {.widths = {37, 33, 5}});
  typename BasicVaeNetwork<T>::Workspace workspace(run.context, network, 100);
  const auto x = run.inputs.uniform<T>(100, 37);
  const std::uint64_t step = 3;
  double loss = 0;
  network.step(run.context, x, static_cast<T>(0.3), VectorView<const std::uint64_t>(&step, 1),
               workspace, VectorView<double>(&loss, 1));
  run.add(loss, workspace.output, network.parameters().gradients);
});

const Registered kProbeFit = one("models/probe/fit", [](Run& run) {
  const auto rows = run.inputs.clustered(301, 20, 3);
  const std::vector<Factor> factors = factors_of(rows, 3);
  const Probe probe = Probe::fit(run.context, rows, factors,
                                 {.hidden = {33}, .epochs = 3, .least_steps = 20, .batch = 64});
  run.add(probe.losses(), probe.best_epoch(), probe.scores(run.context, rows, factors),
          chance_scores(factors));
  for (const Factor& factor : probe.predict(run.context, rows)) {
    run.add(factor.classes, factor.values);
  }
});

}  // namespace
}  // namespace clipk::golden
