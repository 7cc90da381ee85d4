#include "clipk/ops/clip_norm.hpp"

#include "bench/support.hpp"

namespace clipk::bench {
namespace {

void clip_norm(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  Matrix<float> g(context, 1, n);
  run(state, context, {.bytes = 4.0 * n, .flops = 2.0 * n},
      [&] { clipk::clip_norm(context, 1, g.flat()); });
}
BENCHMARK(clip_norm)->Arg(1 << 16)->Arg(1 << 22)->ArgName("parameters")->UseManualTime();

}  // namespace
}  // namespace clipk::bench
