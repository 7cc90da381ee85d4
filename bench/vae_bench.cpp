// One training step of the variational autoencoder 3072-512-256-16 and back: gather, forward, draw
// and divergence, squared error, backward, Adam; and its products alone, on the same arrays.

#include "bench/support.hpp"
#include "clipk/core/random.hpp"
#include "clipk/models/vae_network.hpp"
#include "clipk/ops/adam.hpp"
#include "clipk/ops/gather_rows.hpp"

namespace clipk::bench {
namespace {

constexpr std::int64_t kRows = 4096;
const std::vector<std::int64_t> kWidths = {3072, 512, 256, 16};

// Forward and two backward products, without the gradient of the rows.
double flops(std::int64_t batch) {
  double weights = 0;
  for (std::size_t l = 0; l + 1 < kWidths.size(); ++l) {
    const std::int64_t heads = l + 2 == kWidths.size() ? 2 : 1;
    weights += static_cast<double>(kWidths[l] * kWidths[l + 1] * (1 + heads));
  }
  return 2.0 * static_cast<double>(batch) *
         (3 * weights - static_cast<double>(kWidths[0] * kWidths[1]));
}

void fill(Context& context, Matrix<float>& matrix) {
  Random random(1, RandomStream::data);
  Matrix<float> host(matrix.rows(), matrix.cols());
  for (float& value : host.flat()) value = random.uniform();
  copy<float>(context, host, matrix.view());
}

void step_adam(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t batch = state.range(0);
  VaeNetwork network(context, {.widths = kWidths, .init = Init::fan_in_uniform});
  VaeNetwork::Workspace workspace(context, network, batch);
  const ParameterSlice all = network.parameters();
  Matrix<float> rows(context, kRows, kWidths.front()), x(context, batch, kWidths.front());
  Matrix<float> m(context, 1, all.values.size), v(context, 1, all.values.size);
  Matrix<float> rates(context, 1, 3);
  Matrix<std::int32_t> indices(context, 1, batch), chosen(1, batch);
  Matrix<std::uint64_t> number(context, 1, 1);
  Matrix<double> loss(context, 1, 1);
  fill(context, rows);
  Random random(2, RandomStream::data);
  for (std::int32_t& index : chosen.flat()) index = static_cast<std::int32_t>(random.below(kRows));
  copy<std::int32_t>(context, chosen, indices.view());
  const float values[] = {1e-4F, 0.5F, 0.5F};
  copy<float>(context, VectorView<const float>(values, 3), rates.flat());
  run(state, context, {.bytes = 28.0 * static_cast<double>(all.values.size), .flops = flops(batch)},
      [&] {
        gather_rows(context, rows, indices.flat(), x);
        network.step(context, x, 0.1F, number.flat(), workspace, loss.flat());
        adam(context, {}, rates.flat(), all.gradients, all.values, m.flat(), v.flat());
      });
}
BENCHMARK(step_adam)->Arg(128)->Arg(256)->ArgName("batch")->UseManualTime();

void gemms_alone(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t batch = state.range(0);
  VaeNetwork network(context, {.widths = kWidths, .init = Init::fan_in_uniform});
  std::vector<Matrix<float>> values, gradients;
  for (Mlp* mlp : {&network.encoder(), &network.decoder()}) {
    for (const std::int64_t width : mlp->options().widths) {
      values.emplace_back(context, batch, width);
      gradients.emplace_back(context, batch, width);
    }
  }
  run(state, context, {.flops = flops(batch)}, [&] {
    for (int part = 0; part < 2; ++part) {
      Mlp& mlp = part == 0 ? network.encoder() : network.decoder();
      const std::size_t first = part == 0 ? 0 : kWidths.size();
      for (int l = 0; l < mlp.layers(); ++l) {
        const std::size_t at = first + static_cast<std::size_t>(l);
        dense(context, values[at], mlp.weight(l), {}, Activation::identity, values[at + 1]);
      }
      for (int l = mlp.layers() - 1; l >= 0; --l) {
        const std::size_t at = first + static_cast<std::size_t>(l);
        dense_backward(context, values[at], mlp.weight(l), values[at + 1], Activation::identity,
                       gradients[at + 1], at > 0 ? gradients[at].view() : MatrixView<float>(),
                       mlp.weight_gradient(l), {});
      }
    }
  });
}
BENCHMARK(gemms_alone)->Arg(128)->Arg(256)->ArgName("batch")->UseManualTime();

}  // namespace
}  // namespace clipk::bench
