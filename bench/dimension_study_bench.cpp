#include "bench/support.hpp"
#include "clipk/io/synthetic_pairs.hpp"
#include "clipk/models/neural_mds.hpp"

// The part that dominates the dimension study: training a Neural MDS, here for 10 epochs of 20
// steps in all.
namespace clipk::bench {
namespace {

void neural_mds(benchmark::State& state, MdsObjective objective) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  const EmbeddingPairs pairs = synthetic_pairs({.pairs = n});
  NeuralMdsOptions options;
  options.objective = objective;
  options.dim = 64;
  options.epochs = 10;
  options.quads_per_epoch = 1600 * n;
  if (objective == MdsObjective::isometric) options.blocks = {1, 1, 0};
  // At least the layers' products, one forward and two backward, and those of the distances.
  const double rows = 2.0 * static_cast<double>(n);
  const double layers = 3 * 2 * rows * (512.0 * 512 + 2 * 512.0 * 64);
  const double products = 2 * 4 * static_cast<double>(n * n) * 64;
  run(state, context, {.bytes = 0, .flops = 20 * (layers + products)}, [&] {
    benchmark::DoNotOptimize(NeuralMds::fit(context, pairs.images, pairs.texts, options).epochs());
  });
}
BENCHMARK_CAPTURE(neural_mds, isotonic, MdsObjective::isotonic)
    ->Arg(500)
    ->Arg(5000)
    ->ArgName("n")
    ->UseManualTime();
BENCHMARK_CAPTURE(neural_mds, isometric, MdsObjective::isometric)
    ->Arg(500)
    ->Arg(5000)
    ->ArgName("n")
    ->UseManualTime();

}  // namespace
}  // namespace clipk::bench
