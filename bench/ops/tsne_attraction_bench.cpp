#include "clipk/ops/tsne_attraction.hpp"

#include "bench/support.hpp"
#include "bench/tsne_map.hpp"

namespace clipk::bench {
namespace {

void tsne_attraction(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  const Matrix<float> y = tsne_map(n).to_device(context);
  const TsneNeighbors neighbors(context, n);
  Matrix<float> forces(context, n, 2);
  run(state, context, {.bytes = tsne_bytes(n, true)},
      [&] { clipk::tsne_attraction(context, neighbors.p(), y, y, forces, {}); });
}

BENCHMARK(tsne_attraction)
    ->ArgName("n")
    ->Arg(10'000)
    ->Arg(70'000)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace clipk::bench
