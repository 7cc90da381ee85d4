#include <sys/resource.h>

#include "bench/support.hpp"
#include "clipk/core/random.hpp"
#include "clipk/metrics/correlation.hpp"
#include "clipk/models/cluster_names.hpp"
#include "clipk/models/zero_shot.hpp"

// The meaning of coordinates: n rows of 512 coordinates against f features; and the names
// of clusters.
namespace clipk::bench {
namespace {

constexpr std::int64_t kDim = 512;

// Four uniform numbers per block, so that a million rows are generated in seconds.
Matrix<float> rows(std::int64_t n, std::int64_t d, std::uint64_t seed) {
  Matrix<float> result(n, d);
  for (std::int64_t i = 0; i < n * d; i += 4) {
    const auto bits = random_block(seed, RandomStream::data, 0, static_cast<std::uint64_t>(i));
    for (std::int64_t j = i; j < std::min(i + 4, n * d); ++j) {
      result.data()[j] = static_cast<float>(bits[static_cast<std::size_t>(j - i)] >> 8) * 0x1p-24F;
    }
  }
  return result;
}

void correlation(benchmark::State& state, Correlation kind) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), f = state.range(1);
  const Matrix<float> x = rows(n, kDim, 1), y = rows(n, f, 2);
  // The product is in float64, which is twice the work of one in float32.
  const double product = 2 * static_cast<double>(n) * static_cast<double>(kDim * f);
  run(state, context, {.flops = 2 * product},
      [&] { benchmark::DoNotOptimize(correlations(context, x, y, {.kind = kind})); });
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_GiB"] = static_cast<double>(usage.ru_maxrss) / (1 << 20);
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"n", "f"})->UseManualTime()->Unit(benchmark::kMillisecond);
  bench->Args({500, 500})->Args({20000, 200});
}

// The largest case must fit in 8 GiB, arguments (5.6 GiB) and result included.
void largest(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"n", "f"})->UseManualTime()->Unit(benchmark::kMillisecond);
  bench->Args({1000000, 1000})->Iterations(1);
}

BENCHMARK_CAPTURE(correlation, pearson, Correlation::pearson)->Apply(sizes);
BENCHMARK_CAPTURE(correlation, spearman, Correlation::spearman)->Apply(sizes);
BENCHMARK_CAPTURE(correlation, pearson, Correlation::pearson)->Apply(largest);
BENCHMARK_CAPTURE(correlation, spearman, Correlation::spearman)->Apply(largest);

void cluster_names_bench(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), k = 10, permutations = 999;
  const Matrix<float> x = rows(n, kDim, 1), texts = rows(500, kDim, 2);
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < n; ++i) labels.push_back(static_cast<std::int32_t>(i % k));
  const double sums = static_cast<double>(n * kDim);
  const double cosines = 2 * static_cast<double>(k * 500 * kDim);
  run(state, context, {.bytes = 4 * permutations * sums, .flops = permutations * (sums + cosines)},
      [&] { benchmark::DoNotOptimize(cluster_names(context, x, labels, texts)); });
}
BENCHMARK(cluster_names_bench)
    ->Name("cluster_names")
    ->ArgName("n")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->Arg(500)
    ->Arg(20000);

void zero_shot_bench(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), k = 1000;
  const Matrix<float> x = rows(n, kDim, 1), prompts = rows(8 * k, kDim, 2);
  std::vector<std::int32_t> classes;
  for (std::int64_t i = 0; i < 8 * k; ++i) classes.push_back(static_cast<std::int32_t>(i % k));
  const ZeroShot model(context, prompts, classes);
  const Matrix<float> images = x.to_device(context);
  run(state, context, {.flops = 2 * static_cast<double>(n * k * kDim)},
      [&] { benchmark::DoNotOptimize(model.predict(context, images)); });
}
BENCHMARK(zero_shot_bench)
    ->Name("zero_shot")
    ->ArgName("n")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->Arg(50000);

}  // namespace
}  // namespace clipk::bench
