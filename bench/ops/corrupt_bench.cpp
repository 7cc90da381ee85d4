#include "clipk/ops/corrupt.hpp"

#include "bench/support.hpp"

namespace clipk::bench {
namespace {

void corrupt_by(benchmark::State& state, const CorruptOptions& options) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = state.range(1);
  Matrix<float> x(context, n, d), out(context, n, d);
  Matrix<std::uint64_t> step(context, 1, 1);
  const auto size = static_cast<double>(n * d);
  run(state, context, {.bytes = 8 * size, .flops = size},
      [&] { corrupt(context, x, options, step.flat(), out); });
}

void dropout(benchmark::State& state) {
  corrupt_by(state, {});
}
void gaussian(benchmark::State& state) {
  corrupt_by(state, {.kind = Corruption::gaussian, .amount = 0.1F});
}
BENCHMARK(dropout)->Args({256, 784})->Args({65536, 256})->ArgNames({"n", "d"})->UseManualTime();
BENCHMARK(gaussian)->Args({256, 784})->Args({65536, 256})->ArgNames({"n", "d"})->UseManualTime();

}  // namespace
}  // namespace clipk::bench
