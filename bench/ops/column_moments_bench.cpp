#include "clipk/ops/column_moments.hpp"

#include "bench/support.hpp"

namespace clipk::bench {
namespace {

void column_moments(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = state.range(1);
  Matrix<float> x(context, n, d);
  Matrix<double> mean(context, 1, d), variance(context, 1, d);
  const double values = static_cast<double>(n * d);
  run(state, context, {.bytes = 4 * values, .flops = 4 * values},
      [&] { clipk::column_moments(context, x, mean.flat(), variance.flat()); });
}
BENCHMARK(column_moments)
    ->Args({100'000, 512})
    ->Args({1024, 512})
    ->ArgNames({"n", "d"})
    ->UseManualTime();

}  // namespace
}  // namespace clipk::bench
