#include "clipk/ops/gaussian_posterior.hpp"

#include "bench/support.hpp"
#include "clipk/core/random.hpp"

namespace clipk::bench {
namespace {

void fill(Context& context, Matrix<float>& matrix) {
  Random random(1, RandomStream::data);
  Matrix<float> host(matrix.rows(), matrix.cols());
  for (float& value : host.flat()) value = random.uniform();
  copy<float>(context, host, matrix.view());
}

// Draw, divergence and their gradients.
void gaussian_posterior(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = state.range(1);
  Matrix<float> heads(context, n, 2 * d), grads(context, n, 2 * d), z(context, n, d),
      grad_z(context, n, d);
  Matrix<std::uint64_t> number(context, 1, 1);
  Matrix<double> loss(context, 1, 1);
  fill(context, heads);
  fill(context, grad_z);
  const MatrixView<float> mean = heads.view().col_range(0, d),
                          log_variance = heads.view().col_range(d, d);
  run(state, context, {.bytes = 36.0 * static_cast<double>(n * d)}, [&] {
    clipk::gaussian_posterior(context, mean, log_variance, {}, number.flat(), z, loss.flat());
    gaussian_posterior_backward(context, mean, log_variance, z, {}, grad_z,
                                grads.view().col_range(0, d), grads.view().col_range(d, d));
  });
}
BENCHMARK(gaussian_posterior)
    ->Args({256, 16})
    ->Args({65536, 64})
    ->ArgNames({"n", "d"})
    ->UseManualTime();

}  // namespace
}  // namespace clipk::bench
