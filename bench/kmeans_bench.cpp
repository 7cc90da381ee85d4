#include <algorithm>

#include "bench/image_rows.hpp"
#include "bench/support.hpp"
#include "clipk/models/kmeans.hpp"

namespace clipk::bench {
namespace {

constexpr std::int64_t kDim = 784;
constexpr std::int64_t kK = 10;

void report(benchmark::State& state, Context& context, MatrixView<const float> rows,
            const KMeansOptions& options) {
  const KMeans model = KMeans::fit(context, rows, options);
  // At least one read of the rows per iteration and per initial centre, which the restarts share.
  std::int64_t reads = options.start.empty() ? options.k : 0, iterations = 0, longest = 0;
  for (const KMeansRun& fit : model.runs()) {
    longest = std::max(longest, fit.iterations);
    iterations += fit.iterations;
  }
  reads += longest;
  run(state, context, {.bytes = 4.0 * static_cast<double>(reads * rows.rows * rows.cols)},
      [&] { KMeans::fit(context, rows, options); });
  state.counters["inertia"] = model.inertia();
  state.counters["iterations"] = static_cast<double>(iterations);
}

void fit(benchmark::State& state) {
  Context context = bench_context();
  const Matrix<float> rows = image_rows(state.range(0), kDim);
  const Matrix<float> on_device = rows.to_device(context);
  report(state, context, on_device, {.k = kK, .restarts = static_cast<int>(state.range(1))});
}
BENCHMARK(fit)
    ->Name("kmeans_fit")
    ->ArgNames({"n", "restarts"})
    ->Args({20000, 4})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

void fit_from_start(benchmark::State& state) {
  Context context = bench_context();
  const Matrix<float> rows = image_rows(state.range(0), kDim);
  const Matrix<float> on_device = rows.to_device(context);
  report(state, context, on_device, {.k = kK, .start = rows.view().row_range(0, kK)});
}
BENCHMARK(fit_from_start)
    ->Name("kmeans_from_start")
    ->ArgName("n")
    ->Arg(20000)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace clipk::bench
