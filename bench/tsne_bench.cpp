#include "clipk/models/tsne.hpp"

#include "bench/support.hpp"
#include "bench/tsne_map.hpp"
#include "clipk/core/random.hpp"
#include "clipk/ops/tsne_attraction.hpp"
#include "clipk/ops/tsne_repulsion.hpp"
#include "clipk/ops/tsne_update.hpp"

namespace clipk::bench {
namespace {

// One whole iteration, at a rate of 0 so that the map does not change.
void iteration(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  Matrix<float> y = tsne_map(n).to_device(context);
  const TsneNeighbors neighbors(context, n);
  Matrix<float> pull(context, n, 2), push(context, n, 2), velocity(context, n, 2),
      gains(context, n, 2);
  Matrix<double> z(context, 1, 1);
  run(state, context, {.bytes = tsne_bytes(n, true)}, [&] {
    tsne_attraction(context, neighbors.p(), y, y, pull, {});
    tsne_repulsion(context, y, TsneMethod::fft, push, z.flat());
    tsne_update(context, {.rate = 0}, pull, push, z.flat(), y, velocity, gains);
  });
  state.counters["ns_a_point"] = state.counters["median_s"] * 1e9 / static_cast<double>(n);
}

// Neighbours, perplexities and the iterations of early exaggeration.
void fit(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  Random random(3, RandomStream::data);
  Matrix<float> host(n, 50);
  for (float& value : host.flat()) value = static_cast<float>(random.normal());
  const Matrix<float> rows = host.to_device(context);
  run(state, context, {.bytes = tsne_bytes(n, true)},
      [&] { benchmark::DoNotOptimize(Tsne::fit(context, rows, {.iterations = state.range(1)})); });
}

void shape(benchmark::internal::Benchmark* bench) {
  bench->UseManualTime()->Unit(benchmark::kMillisecond)->ArgName("n");
}
BENCHMARK(iteration)
    ->Name("tsne_iteration")
    ->Arg(5000)
    ->Arg(10'000)
    ->Arg(20'000)
    ->Arg(40'000)
    ->Arg(80'000)
    ->Apply(shape);
BENCHMARK(fit)
    ->Name("tsne_fit")
    ->Args({5000, 250})
    ->ArgNames({"n", "iterations"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace clipk::bench
