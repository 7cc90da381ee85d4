// The networks, their gradients, and the problems of a training.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "models/autoencoder/autoencoder_data.hpp"
#include "models/autoencoder/autoencoder_problem.hpp"
#include "support/central_difference.hpp"

namespace clipk::test {
namespace {

// d/dp of the reconstruction's loss by central differences of every parameter, in double.
TEST(Autoencoder, GradientOfTheWholeChainFollowsCentralDifferences) {
  Context context = cpu();
  for (const Activation activation : {Activation::relu, Activation::tanh}) {
    const std::int64_t n = 5;
    BasicAutoencoderNetwork<double> network(
        context, {.widths = {7, 6, 5, 3}, .activation = activation, .init = Init::glorot_uniform},
        4);
    const VectorView<double> values = network.parameters().values;
    for (BasicMlp<double>* mlp : {&network.encoder(), &network.decoder()}) {
      for (int l = 0; l < mlp->layers(); ++l) {
        const std::vector<double> bias = normals<double>(mlp->bias(l).size, 5, 0.3);
        std::copy(bias.begin(), bias.end(), mlp->bias(l).begin());
      }
    }
    const std::vector<double> numbers = normals<double>(2 * n * 7, 6);
    const MatrixView<const double> x(numbers.data(), n, 7), target(numbers.data() + n * 7, n, 7);
    BasicAutoencoderNetwork<double>::Workspace workspace(context, network, n + 2);
    const auto loss = [&] {
      double sum = 0;
      network.encode(context, x, workspace);
      network.reconstruct(context, target, 1.5, workspace, VectorView<double>(&sum, 1));
      return sum;
    };
    loss();
    network.encode_backward(context, x, workspace);
    const VectorView<double> all = network.parameters().gradients;
    const std::vector<double> gradients(all.begin(), all.end());
    const std::int64_t moved = expect_central_differences(loss, values, gradients, 1e-6, 1e-8);
    EXPECT_GT(moved, values.size / 4);  // the rest is padding, and units that relu shuts
  }
}

// The same of one layer's own problem, through its dropout: in float32, hence with long steps.
TEST(Autoencoder, GradientOfALayerFollowsCentralDifferences) {
  Context context = cpu();
  const Surface data = surface(8, 9);
  const AutoencoderNetwork network(context,
                                   {.widths = {9, 7, 6, 2}, .activation = Activation::tanh});
  AutoencoderOptions options;
  options.layer_dropout = 0.4F;
  const AutoencoderRows rows(context, data.rows);
  std::vector<std::int32_t> chosen = {5, 0, 3, 6, 1};
  const std::uint64_t step = 3;
  const Batch batch{VectorView<const std::int32_t>(chosen.data(), 5),
                    VectorView<const std::uint64_t>(&step, 1)};
  for (int layer = 0; layer < 3; ++layer) {
    LayerProblem problem(context, rows, options, network, layer);
    const VectorView<float> values = problem.parameters();
    const auto loss = [&] {
      double sum = 0;
      problem.step(context, batch, VectorView<double>(&sum, 1));
      return sum;
    };
    loss();
    const std::vector<float> gradients(problem.gradients().begin(), problem.gradients().end());
    double largest = 0;
    for (std::int64_t i = 0; i < values.size; ++i) {
      const double slope = central_difference(loss, values[i], 1e-2F);
      EXPECT_NEAR(gradients[static_cast<std::size_t>(i)], slope, 5e-4) << layer << ' ' << i;
      largest = worse(largest, std::fabs(slope));
    }
    EXPECT_GT(largest, 0.02);
  }
}

TEST(Autoencoder, ACopyOfTheNetworkHasRoomForCentres) {
  Context context = cpu();
  AutoencoderNetwork network(context, {.widths = {9, 6, 2}});
  AutoencoderNetwork copy = network.copy(context, 20);
  EXPECT_EQ(copy.between().values.size, 20);
  for (const float value : copy.between().values) EXPECT_EQ(value, 0);
  // Encoder, between, decoder.
  const float* const base = copy.parameters().values.data;
  EXPECT_EQ(copy.encoder().parameters().data, base);
  EXPECT_EQ(copy.between().values.data, base + copy.encoder().parameters().size);
  EXPECT_EQ(copy.parameters_without_decoder().values.data, base);
  EXPECT_EQ(copy.parameters_without_decoder().values.size, copy.encoder().parameters().size + 20);
  EXPECT_EQ(copy.decoder().parameters().data, base + copy.encoder().parameters().size + 32);
  EXPECT_EQ(copy.parameters().values.size,
            copy.encoder().parameters().size + 32 + copy.decoder().parameters().size);
  for (const auto& [a, b] : {std::pair{&network.encoder(), &copy.encoder()},
                             std::pair{&network.decoder(), &copy.decoder()}}) {
    EXPECT_EQ(std::vector<float>(a->parameters().begin(), a->parameters().end()),
              std::vector<float>(b->parameters().begin(), b->parameters().end()));
  }
  copy.encoder().weight(0)(0, 0) += 1;
  EXPECT_NE(copy.encoder().weight(0)(0, 0), network.encoder().weight(0)(0, 0));
}

TEST(Autoencoder, CorruptionHidesTheInputAlone) {
  Context context = cpu();
  const Surface data = surface(400, 20);
  AutoencoderOptions options = small_autoencoder();
  const double clean =
      Autoencoder::fit(context, data.rows, options).reconstruction_error(context, data.rows);
  options.dropout = 0.2F;
  const Autoencoder dropped = Autoencoder::fit(context, data.rows, options);
  // Harder to learn, yet clean rows come back far better than the mean would serve.
  EXPECT_GT(dropped.reconstruction_error(context, data.rows), clean);
  EXPECT_LT(dropped.reconstruction_error(context, data.rows), 0.5 * data.variance);
  EXPECT_LT(dropped.reconstruction_error(context, data.rows), dropped.losses().back());
  options.dropout = 0;
  options.noise = 0.3F;
  const Autoencoder noisy = Autoencoder::fit(context, data.rows, options);
  EXPECT_GT(noisy.reconstruction_error(context, data.rows), clean);
  EXPECT_LT(noisy.reconstruction_error(context, data.rows), 0.5 * data.variance);
}

TEST(Autoencoder, ANetworkThatGivesTheMeanBackIsUseless) {
  Context context = cpu();
  const Surface data = surface(300, 6);
  const AutoencoderRows rows(context, data.rows, data.variance);
  AutoencoderNetwork network(context, {.widths = {6, 5, 2}});
  std::vector<std::vector<double>> layers;
  AutoencoderOptions options;
  options.batch = 50;
  AutoencoderProblem problem(context, rows, options, network, layers);
  for (float& value : network.parameters().values) value = 0;
  std::vector<double> high(40, 20 * data.variance), few(20, 20 * data.variance),
      low(40, 0.9 * data.variance);
  const std::string reason = problem.failure(context, high).value_or("");
  EXPECT_EQ(reason.find("expected rows to come back with a mean squared error below that of their "
                        "mean, "),
            0U)
      << reason;
  EXPECT_FALSE(problem.failure(context, low));  // by its loss it is of use
  EXPECT_TRUE(problem.failure(context, few));
  few.front() *= 1.01;
  EXPECT_FALSE(problem.failure(context, few));  // on its way after 120 steps
  EXPECT_FALSE(problem.failure(context, {20 * data.variance}));
  EXPECT_TRUE(problem.failure(context, {200 * data.variance}));
}

}  // namespace
}  // namespace clipk::test
