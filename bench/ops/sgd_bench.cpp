#include "clipk/ops/sgd.hpp"

#include "bench/support.hpp"

namespace clipk::bench {
namespace {

void sgd_step(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  Matrix<float> rate(context, 1, 1), p(context, 1, n), g(context, 1, n), velocity(context, 1, n);
  run(state, context, {.bytes = 20.0 * n, .flops = 5.0 * n},
      [&] { sgd(context, {}, rate.flat(), g.flat(), p.flat(), velocity.flat()); });
}
BENCHMARK(sgd_step)->Arg(1 << 16)->Arg(1 << 22)->ArgName("parameters")->UseManualTime();

}  // namespace
}  // namespace clipk::bench
