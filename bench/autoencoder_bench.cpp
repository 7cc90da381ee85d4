// One training step of the autoencoder 784-500-500-2000-10 and back at batch 256: gather, forward,
// mean squared error, backward, update; and its products alone, on the same arrays.

#include "bench/support.hpp"
#include "clipk/core/random.hpp"
#include "clipk/models/autoencoder_network.hpp"
#include "clipk/ops/adam.hpp"
#include "clipk/ops/gather_rows.hpp"
#include "clipk/ops/sgd.hpp"

namespace clipk::bench {
namespace {

constexpr std::int64_t kRows = 10000, kBatch = 256;
const std::vector<std::int64_t> kWidths = {784, 500, 500, 2000, 10};

// Multiply-adds per row of all layers of both networks, and of the first layer.
double all_weights() {
  double sum = 0;
  for (std::size_t l = 0; l + 1 < kWidths.size(); ++l) {
    sum += 2.0 * static_cast<double>(kWidths[l] * kWidths[l + 1]);
  }
  return sum;
}
// Forward and two backward products, without the gradient of the rows.
double flops() {
  return 2.0 * kBatch * (3 * all_weights() - static_cast<double>(kWidths[0] * kWidths[1]));
}

struct Step {
  explicit Step(Context& context_)
      : context(context_),
        network(context, {.widths = kWidths, .init = Init::fan_in_uniform}),
        workspace(context, network, kBatch),
        x(context, kBatch, kWidths.front()),
        indices(context, 1, kBatch),
        rates(context, 1, 3),
        m(context, 1, network.parameters().values.size),
        v(context, 1, network.parameters().values.size),
        loss(context, 1, 1) {
    Random random(1, RandomStream::data);
    Matrix<float> host(kRows, kWidths.front());
    for (float& value : host.flat()) value = random.uniform();
    rows = host.to_device(context);
    Matrix<std::int32_t> chosen(1, kBatch);
    for (std::int32_t& index : chosen.flat()) {
      index = static_cast<std::int32_t>(random.below(kRows));
    }
    copy<std::int32_t>(context, chosen, indices.view());
    const float values[] = {1e-3F, 0.5F, 0.5F};
    copy<float>(context, VectorView<const float>(values, 3), rates.flat());
  }

  void gradients() {
    gather_rows(context, rows, indices.flat(), x);
    network.encode(context, x, workspace);
    network.reconstruct(context, x, 1, workspace, loss.flat());
    network.encode_backward(context, x, workspace);
  }
  void update_by_adam() {
    const ParameterSlice all = network.parameters();
    adam(context, {}, rates.flat(), all.gradients, all.values, m.flat(), v.flat());
  }
  void update_by_sgd() {
    const ParameterSlice all = network.parameters();
    sgd(context, {}, rates.flat().slice(0, 1), all.gradients, all.values, m.flat());
  }
  double parameters() { return static_cast<double>(network.parameters().values.size); }

  Context& context;
  AutoencoderNetwork network;
  AutoencoderNetwork::Workspace workspace;
  Matrix<float> rows, x;
  Matrix<std::int32_t> indices;
  Matrix<float> rates, m, v;
  Matrix<double> loss;
};

void step_adam(benchmark::State& state) {
  Context context = bench_context();
  Step step(context);
  run(state, context, {.bytes = 28 * step.parameters(), .flops = flops()}, [&] {
    step.gradients();
    step.update_by_adam();
  });
}
BENCHMARK(step_adam)->UseManualTime();

void step_sgd(benchmark::State& state) {
  Context context = bench_context();
  Step step(context);
  run(state, context, {.bytes = 20 * step.parameters(), .flops = flops()}, [&] {
    step.gradients();
    step.update_by_sgd();
  });
}
BENCHMARK(step_sgd)->UseManualTime();

void gradients_alone(benchmark::State& state) {
  Context context = bench_context();
  Step step(context);
  run(state, context, {.flops = flops()}, [&] { step.gradients(); });
}
BENCHMARK(gradients_alone)->UseManualTime();

void adam_alone(benchmark::State& state) {
  Context context = bench_context();
  Step step(context);
  run(state, context, {.bytes = 28 * step.parameters()}, [&] { step.update_by_adam(); });
}
BENCHMARK(adam_alone)->UseManualTime();

void sgd_alone(benchmark::State& state) {
  Context context = bench_context();
  Step step(context);
  run(state, context, {.bytes = 20 * step.parameters()}, [&] { step.update_by_sgd(); });
}
BENCHMARK(sgd_alone)->UseManualTime();

// The step's products: eight layers without bias, activation, loss or update.
void gemms_alone(benchmark::State& state) {
  Context context = bench_context();
  Step step(context);
  std::vector<std::int64_t> widths = kWidths;
  widths.insert(widths.end(), kWidths.rbegin() + 1, kWidths.rend());
  std::vector<Matrix<float>> values, gradients;
  for (const std::int64_t width : widths) {
    values.emplace_back(context, kBatch, width);
    gradients.emplace_back(context, kBatch, width);
  }
  const int layers = step.network.encoder().layers();
  const auto network_of = [&](int l) -> Mlp& {
    return l < layers ? step.network.encoder() : step.network.decoder();
  };
  run(state, context, {.flops = flops()}, [&] {
    for (int l = 0; l < 2 * layers; ++l) {
      const auto at = static_cast<std::size_t>(l);
      dense(context, values[at], network_of(l).weight(l % layers), {}, Activation::identity,
            values[at + 1]);
    }
    for (int l = 2 * layers - 1; l >= 0; --l) {
      const auto at = static_cast<std::size_t>(l);
      dense_backward(context, values[at], network_of(l).weight(l % layers), values[at + 1],
                     Activation::identity, gradients[at + 1],
                     l > 0 ? gradients[at].view() : MatrixView<float>(),
                     network_of(l).weight_gradient(l % layers), {});
    }
  });
}
BENCHMARK(gemms_alone)->UseManualTime();

}  // namespace
}  // namespace clipk::bench
