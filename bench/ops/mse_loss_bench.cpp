#include "clipk/ops/mse_loss.hpp"

#include <cmath>

#include "bench/support.hpp"

namespace clipk::bench {
namespace {

void mse_loss(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = state.range(1);
  Matrix<float> y(context, n, d), target(context, n, d), grad(context, n, d);
  Matrix<double> loss(context, 1, 1);
  run(state, context, {.bytes = 16.0 * n * d, .flops = 5.0 * n * d},
      [&] { clipk::mse_loss(context, y, target, 1, loss.flat(), grad); });
}

// Every third target is missing.
void masked_mse_loss(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = state.range(1);
  Matrix<float> y(context, n, d), host(n, d), grad(context, n, d);
  for (std::int64_t i = 0; i < n * d; i += 3) host.data()[i] = NAN;
  const Matrix<float> target = host.to_device(context);
  Matrix<double> loss(context, 1, 1);
  run(state, context, {.bytes = 16.0 * n * d, .flops = 5.0 * n * d},
      [&] { clipk::masked_mse_loss(context, y, target, 1, loss.flat(), grad); });
}
BENCHMARK(mse_loss)->Args({256, 784})->Args({70000, 784})->ArgNames({"n", "d"})->UseManualTime();
BENCHMARK(masked_mse_loss)
    ->Args({256, 784})
    ->Args({70000, 784})
    ->ArgNames({"n", "d"})
    ->UseManualTime();

}  // namespace
}  // namespace clipk::bench
