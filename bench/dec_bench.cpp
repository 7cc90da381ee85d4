// One epoch of DEC as the study trains it, at four sizes: its cost is linear in the rows.

#include "clipk/models/dec.hpp"

#include "bench/support.hpp"
#include "clipk/core/random.hpp"

namespace clipk::bench {
namespace {

constexpr std::int64_t kDim = 784, kBatch = 256;
// Weights of 784-500-500-2000-10.
constexpr double kWeights = 784 * 500 + 500 * 500 + 500 * 2000 + 2000 * 10;

Matrix<float> random_rows(Context& context, std::int64_t n) {
  Random random(1, RandomStream::data);
  Matrix<float> rows(n, kDim);
  for (float& value : rows.flat()) value = random.uniform();
  return rows.to_device(context);
}

// k-means from one start, the first target, an epoch of steps, and the last update over all rows.
void dec_epoch(benchmark::State& state, double reconstruction) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  const Matrix<float> rows = random_rows(context, n);
  AutoencoderOptions shape;
  shape.epochs = 0;
  const Autoencoder autoencoder = Autoencoder::fit(context, rows, shape);
  DecOptions options;
  options.restarts = 1;
  options.batch = kBatch;
  options.reconstruction = reconstruction;
  options.max_steps = options.update_interval = (n + kBatch - 1) / kBatch;
  // A step: three products per weight (two in the first layer), for IDEC also in the decoder; and
  // two passes of all rows through the encoder.
  const double networks = reconstruction > 0 ? 2 : 1;
  const double flops =
      2.0 * static_cast<double>(n) * (3 * networks * kWeights - 784 * 500 + 2 * kWeights);
  run(state, context, {.bytes = 0, .flops = flops},
      [&] { benchmark::DoNotOptimize(Dec::fit(context, rows, autoencoder, options).steps()); });
  state.counters["us_a_row"] = state.counters["median_s"] * 1e6 / static_cast<double>(n);
}
void sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgName("n")->Arg(2500)->Arg(5000)->Arg(10000)->Arg(20000)->UseManualTime()->Unit(
      benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(dec_epoch, dec, 0.0)->Apply(sizes);
BENCHMARK_CAPTURE(dec_epoch, idec, 1.0)->Apply(sizes);

}  // namespace
}  // namespace clipk::bench
