#include "clipk/ops/gather_rows.hpp"

#include "bench/support.hpp"
#include "clipk/ops/random_permutation.hpp"

namespace clipk::bench {
namespace {

void gather_shuffled_rows(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = state.range(1), b = state.range(2);
  Matrix<float> x(context, n, d), out(context, b, d);
  Matrix<std::int32_t> order(context, 1, n);
  random_permutation(context, 1, RandomStream::shuffle, 0, order.flat());
  run(state, context, {.bytes = 4.0 * static_cast<double>(2 * b * d + b), .flops = 0},
      [&] { gather_rows(context, x, order.flat().slice(0, b), out); });
}
BENCHMARK(gather_shuffled_rows)
    ->Args({5000, 512, 256})
    ->Args({100000, 512, 100000})
    ->ArgNames({"n", "d", "rows"})
    ->UseManualTime();

}  // namespace
}  // namespace clipk::bench
