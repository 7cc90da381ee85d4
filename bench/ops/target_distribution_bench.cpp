#include "clipk/ops/target_distribution.hpp"

#include "bench/support.hpp"
#include "clipk/core/random.hpp"

namespace clipk::bench {
namespace {

void target_distribution(benchmark::State& state, bool balanced) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), k = state.range(1);
  // Assignments whose rows sum to 1, and their column sums.
  Matrix<float> host(n, k);
  Matrix<double> host_sums(1, k);
  for (double& sum : host_sums.flat()) sum = 0;
  Random random(1, RandomStream::data);
  for (std::int64_t i = 0; i < n; ++i) {
    float total = 0;
    for (std::int64_t j = 0; j < k; ++j) total += host(i, j) = random.uniform() + 0.01F;
    for (std::int64_t j = 0; j < k; ++j) {
      host(i, j) /= total;
      host_sums(0, j) += static_cast<double>(host(i, j));
    }
  }
  const Matrix<float> q = host.to_device(context);
  const Matrix<double> sums = host_sums.to_device(context);
  Matrix<float> p(context, n, k);
  const BalancedTargetOptions options;
  const double sweeps = balanced ? options.iterations + 1 : 1;
  run(state, context, {.bytes = 4.0 * n * k * (sweeps + 1), .flops = 4.0 * n * k * sweeps}, [&] {
    if (balanced) {
      balanced_target(context, q, options, p, {});
    } else {
      clipk::target_distribution(context, q, sums.flat(), p);
    }
  });
}
BENCHMARK_CAPTURE(target_distribution, dec, false)
    ->Args({70000, 10})
    ->ArgNames({"n", "k"})
    ->UseManualTime();
BENCHMARK_CAPTURE(target_distribution, balanced, true)
    ->Args({70000, 10})
    ->ArgNames({"n", "k"})
    ->UseManualTime();

}  // namespace
}  // namespace clipk::bench
