#include "clipk/ops/normalize_rows.hpp"

#include "bench/support.hpp"

namespace clipk::bench {
namespace {

void normalize_rows_forward(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = state.range(1);
  Matrix<float> x(context, n, d), y(context, n, d), lengths(context, 1, n);
  run(state, context,
      {.bytes = 4.0 * static_cast<double>(2 * n * d + n),
       .flops = 3.0 * static_cast<double>(n * d)},
      [&] { normalize_rows(context, x, y, lengths.flat()); });
}
BENCHMARK(normalize_rows_forward)
    ->Args({5000, 64})
    ->Args({100000, 512})
    ->ArgNames({"n", "d"})
    ->UseManualTime();

void normalize_rows_gradient(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = state.range(1);
  Matrix<float> y(context, n, d), grad_y(context, n, d), grad_x(context, n, d);
  Matrix<float> lengths(context, 1, n);
  run(state, context,
      {.bytes = 4.0 * static_cast<double>(3 * n * d + n),
       .flops = 5.0 * static_cast<double>(n * d)},
      [&] { normalize_rows_backward(context, y, lengths.flat(), grad_y, grad_x); });
}
BENCHMARK(normalize_rows_gradient)
    ->Args({5000, 64})
    ->Args({100000, 512})
    ->ArgNames({"n", "d"})
    ->UseManualTime();

}  // namespace
}  // namespace clipk::bench
