#include "clipk/ops/invertible_leaky_relu.hpp"

#include "bench/support.hpp"
#include "clipk/core/random.hpp"

namespace clipk::bench {
namespace {

void leaky_both(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = state.range(1);
  Random random(1, RandomStream::data);
  Matrix<float> values(n, d);
  for (float& value : values.flat()) value = static_cast<float>(random.normal());
  const Matrix<float> x = values.to_device(context), grad = values.to_device(context);
  Matrix<float> y(context, n, d), grad_x(context, n, d), log_det(context, 1, n);
  const auto size = static_cast<double>(n * d);
  run(state, context, {.bytes = 20 * size, .flops = 4 * size}, [&] {
    invertible_leaky_relu(context, x, 0.9F, y, log_det.flat());
    invertible_leaky_relu_backward(context, y, 0.9F, grad, grad_x);
  });
}
BENCHMARK(leaky_both)->Args({256, 64})->Args({65536, 256})->ArgNames({"n", "d"})->UseManualTime();

}  // namespace
}  // namespace clipk::bench
