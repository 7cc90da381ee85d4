#include "clipk/ops/adam.hpp"

#include "bench/support.hpp"

namespace clipk::bench {
namespace {

void adam_step(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  Matrix<float> rates(context, 1, 3), p(context, 1, n), g(context, 1, n), m(context, 1, n),
      v(context, 1, n);
  const float values[] = {1e-3F, 0.5F, 0.5F};
  copy<float>(context, VectorView<const float>(values, 3), rates.flat());
  run(state, context, {.bytes = 28.0 * n, .flops = 12.0 * n},
      [&] { adam(context, {}, rates.flat(), g.flat(), p.flat(), m.flat(), v.flat()); });
}
BENCHMARK(adam_step)->Arg(1 << 16)->Arg(1 << 22)->ArgName("parameters")->UseManualTime();

}  // namespace
}  // namespace clipk::bench
