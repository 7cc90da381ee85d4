#include "clipk/ops/cosine_top_k.hpp"

#include "bench/cosine_rows.hpp"

namespace clipk::bench {
namespace {

constexpr std::int64_t kNearest = 10;

void cosine_top_k(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1);
  const Matrix<float> x = cosine_rows(context, n, 1), y = cosine_rows(context, m, 2);
  Matrix<std::int32_t> of_x(context, n, kNearest), of_y(context, m, kNearest);
  Matrix<float> cosines_of_x(context, n, kNearest), cosines_of_y(context, m, kNearest);
  run(state, context, cosine_work(n, m),
      [&] { clipk::cosine_top_k(context, x, y, of_x, cosines_of_x, of_y, cosines_of_y); });
  report_peak_memory(state);
}

BENCHMARK(cosine_top_k)
    ->ArgNames({"n", "m"})
    ->Args({50000, 1000})
    ->Args({1000000, 1000})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace clipk::bench
