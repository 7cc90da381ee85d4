#include "clipk/ops/tsne_update.hpp"

#include "bench/support.hpp"
#include "bench/tsne_map.hpp"

namespace clipk::bench {
namespace {

// At a rate of 0, so that the map does not change.
void tsne_update(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  Matrix<float> y = tsne_map(n).to_device(context);
  Matrix<float> pull(context, n, 2), push(context, n, 2), velocity(context, n, 2),
      gains(context, n, 2);
  Matrix<double> z(context, 1, 1);
  run(state, context, {.bytes = 80 * static_cast<double>(n)},
      [&] { clipk::tsne_update(context, {.rate = 0}, pull, push, z.flat(), y, velocity, gains); });
}
BENCHMARK(tsne_update)
    ->ArgName("n")
    ->Arg(10'000)
    ->Arg(70'000)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace clipk::bench
