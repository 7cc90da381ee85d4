#include <algorithm>
#include <vector>

#include "bench/support.hpp"
#include "clipk/models/kmeans.hpp"
#include "clipk/ops/kmeans_step.hpp"

// k-means on rows like those of images: twelve overlapping classes that vary in 16 directions, with
// the values below zero cut off.
namespace clipk::bench {
namespace {

constexpr std::int64_t kDim = 784;
constexpr std::int64_t kK = 10;

// A number in [-.5, .5) of its index; bench/reference/reference.py makes the same.
double spread(std::uint64_t index) {
  std::uint64_t h = index * 0x9E3779B97F4A7C15;
  h = (h ^ h >> 32) * 0xD6E8FEB86659FD93;
  return static_cast<double>((h ^ h >> 32) >> 40) * 0x1p-24 - 0.5;
}

Matrix<float> cluster_rows(std::int64_t n, std::int64_t d) {
  constexpr std::int64_t kClasses = 12, kDirections = 16;
  constexpr std::uint64_t kNoise = std::uint64_t{1} << 40, kLatent = kNoise << 1;
  std::vector<double> directions(static_cast<std::size_t>(kDirections * d));
  for (std::size_t e = 0; e < directions.size(); ++e) directions[e] = spread((kLatent << 1) + e);
  Matrix<float> rows(n, d);
  std::vector<double> row(static_cast<std::size_t>(d));
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < d; ++j) {
      row[static_cast<std::size_t>(j)] =
          0.3 * spread(kNoise + static_cast<std::uint64_t>(i * d + j));
    }
    for (std::int64_t a = 0; a < kDirections; ++a) {
      const double z = 0.5 * spread(static_cast<std::uint64_t>(i % kClasses * kDirections + a)) +
                       spread(kLatent + static_cast<std::uint64_t>(i * kDirections + a));
      const double* direction = directions.data() + a * d;
      for (std::int64_t j = 0; j < d; ++j) row[static_cast<std::size_t>(j)] += z * direction[j];
    }
    for (std::int64_t j = 0; j < d; ++j) {
      rows(i, j) = static_cast<float>(std::max(row[static_cast<std::size_t>(j)], 0.0));
    }
  }
  return rows;
}

void report(benchmark::State& state, Context& context, MatrixView<const float> rows,
            const KMeansOptions& options) {
  const KMeans model = KMeans::fit(context, rows, options);
  // At least: the restarts share one read of the rows for every iteration, and one for every centre
  // of the start.
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
  const Matrix<float> rows = cluster_rows(state.range(0), kDim);
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
  const Matrix<float> rows = cluster_rows(state.range(0), kDim);
  const Matrix<float> on_device = rows.to_device(context);
  report(state, context, on_device, {.k = kK, .start = rows.view().row_range(0, kK)});
}
BENCHMARK(fit_from_start)
    ->Name("kmeans_from_start")
    ->ArgName("n")
    ->Arg(20000)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// A step in which no label changes, without bounds: all distances.
void step(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), sets = state.range(1);
  const Matrix<float> rows = cluster_rows(n, kDim);
  const Matrix<float> points = rows.to_device(context);
  const Matrix<float> centres =
      Matrix<float>::copy_of(context, rows.view().row_range(0, sets * kK));
  const std::vector<std::int32_t> none(static_cast<std::size_t>(sets * n), -1);
  Matrix<std::int32_t> labels(context, sets, n);
  copy<std::int32_t>(context, VectorView<const std::int32_t>(none.data(), sets * n), labels.flat());
  Matrix<double> sums(context, sets * kK, kDim);
  Matrix<std::int64_t> counts(context, sets, kK), changed(context, 1, sets);
  const KMeansState all{BatchView<const float>(centres.data(), sets, kK, kDim, centres.device()),
                        labels, BatchView<double>(sums.data(), sets, kK, kDim, sums.device()),
                        counts, changed.flat()};
  const double values = static_cast<double>(n) * kDim;
  run(state, context, {.bytes = 4 * values, .flops = 2 * values * static_cast<double>(sets * kK)},
      [&] { kmeans_step(context, points, all); });
}
BENCHMARK(step)
    ->Name("kmeans_step")
    ->ArgNames({"n", "sets"})
    ->Args({20000, 1})
    ->Args({20000, 10})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace clipk::bench
