#include "clipk/ops/stress_loss.hpp"

#include "bench/support.hpp"
#include "clipk/core/random.hpp"

namespace clipk::bench {
namespace {

Matrix<float> random_matrix(Context& context, std::int64_t rows, std::int64_t cols,
                            std::uint64_t seed, bool positive = false) {
  Random random(seed, RandomStream::data);
  Matrix<float> host(rows, cols);
  for (float& value : host.flat()) {
    value = positive ? 1 + random.uniform() : static_cast<float>(random.normal());
  }
  return host.to_device(context);
}

// Products: e, and one for each gradient.
void stress_between(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), q = state.range(1);
  const Matrix<float> x = random_matrix(context, n, q, 1), y = random_matrix(context, n, q, 2);
  const Matrix<float> d = random_matrix(context, n, n, 3, true);
  Matrix<float> grad_x(context, n, q), grad_y(context, n, q);
  Matrix<double> loss(context, 1, 1);
  const double pairs = static_cast<double>(n) * static_cast<double>(n);
  run(state, context,
      {.bytes = 4 * (pairs + 6.0 * static_cast<double>(n * q)),
       .flops = 6 * pairs * static_cast<double>(q)},
      [&] { stress_loss(context, x, y, {.distances = d}, {}, loss.flat(), grad_x, grad_y); });
}
BENCHMARK(stress_between)
    ->Args({1000, 64})
    ->Args({5000, 64})
    ->Args({5000, 256})
    ->ArgNames({"n", "q"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// Half the distances, each with both gradients.
void stress_within(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), q = state.range(1);
  const Matrix<float> x = random_matrix(context, n, q, 1);
  const Matrix<float> d = random_matrix(context, n, n, 3, true);
  Matrix<float> grad(context, n, q);
  Matrix<double> loss(context, 1, 1);
  const double pairs = 0.5 * static_cast<double>(n) * static_cast<double>(n);
  run(state, context,
      {.bytes = 4 * (pairs + 3.0 * static_cast<double>(n * q)),
       .flops = 6 * pairs * static_cast<double>(q)},
      [&] { stress_loss(context, x, {.distances = d}, {}, loss.flat(), grad); });
}
BENCHMARK(stress_within)
    ->Args({256, 64})
    ->Args({5000, 64})
    ->ArgNames({"n", "q"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// The target from rows of dimension D: one more product.
void stress_recomputed(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), q = state.range(1), dim = state.range(2);
  const Matrix<float> x = random_matrix(context, n, q, 1), y = random_matrix(context, n, q, 2);
  const Matrix<float> rows_x = random_matrix(context, n, dim, 3);
  const Matrix<float> rows_y = random_matrix(context, n, dim, 4);
  Matrix<float> grad_x(context, n, q), grad_y(context, n, q);
  Matrix<double> loss(context, 1, 1);
  const double pairs = static_cast<double>(n) * static_cast<double>(n);
  run(state, context,
      {.bytes = 4 * static_cast<double>(n * (6 * q + 2 * dim)),
       .flops = pairs * static_cast<double>(6 * q + 2 * dim)},
      [&] {
        stress_loss(context, x, y, {.rows_x = rows_x, .rows_y = rows_y}, {}, loss.flat(), grad_x,
                    grad_y);
      });
}
BENCHMARK(stress_recomputed)
    ->Args({5000, 64, 512})
    ->ArgNames({"n", "q", "D"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace clipk::bench
