#include "clipk/ops/quad_order.hpp"

#include "bench/support.hpp"
#include "clipk/core/random.hpp"

namespace clipk::bench {
namespace {

// Ranks of n x n random distances. The floor reads every distance and writes its ranks.
void order(benchmark::State& state, QuadDraw draw) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), near = state.range(1);
  Random random(1, RandomStream::data);
  Matrix<float> host(n, n);
  for (float& value : host.flat()) value = random.uniform();
  const Matrix<float> d = host.to_device(context);
  const double pairs = static_cast<double>(n) * static_cast<double>(n);
  run(state, context, {.bytes = (draw == QuadDraw::query ? 16 : 8) * pairs},
      [&] { quad_order(context, {.distances = d}, {.draw = draw, .near = near}); });
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->Args({5000, 0})
      ->Args({500, 0})
      ->ArgNames({"n", "near"})
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(order, query, QuadDraw::query)->Apply(sizes);
BENCHMARK_CAPTURE(order, all, QuadDraw::all)->Apply(sizes);

}  // namespace
}  // namespace clipk::bench
