#include "clipk/ops/factor_pair_loss.hpp"

#include <vector>

#include "bench/support.hpp"

namespace clipk::bench {
namespace {

// The loss and its gradient with five factors, of which every pair shares one.
void factor_pair_loss(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t pairs = state.range(0), d = state.range(1), factors = 5;
  Matrix<float> shared(pairs, factors), rho(1, factors);
  Matrix<std::int32_t> blocks(1, d);
  for (std::int64_t p = 0; p < pairs; ++p) shared(p, p % factors) = 1;
  for (std::int64_t f = 0; f < factors; ++f) rho(0, f) = 0.975F;
  for (std::int64_t k = 0; k < d; ++k) {
    blocks(0, k) = static_cast<std::int32_t>(k * (factors + 1) / d % (factors + 1)) - 1;
  }
  const Matrix<float> on_device = shared.to_device(context), rhos = rho.to_device(context);
  const Matrix<std::int32_t> places = blocks.to_device(context);
  Matrix<float> z(context, 2 * pairs, d), grad(context, 2 * pairs, d),
      log_det(context, 1, 2 * pairs);
  Matrix<double> loss(context, 1, 1);
  const auto size = static_cast<double>(2 * pairs * d);
  run(state, context, {.bytes = 8 * size, .flops = 8 * size}, [&] {
    clipk::factor_pair_loss(context, z, log_det.flat(), on_device, places.flat(), rhos.flat(),
                            loss.flat(), grad, {});
  });
}
BENCHMARK(factor_pair_loss)
    ->Args({25, 64})
    ->Args({32768, 256})
    ->ArgNames({"pairs", "d"})
    ->UseManualTime();

}  // namespace
}  // namespace clipk::bench
