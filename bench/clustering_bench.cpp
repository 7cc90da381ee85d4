#include "bench/support.hpp"
#include "clipk/core/random.hpp"
#include "clipk/metrics/clustering.hpp"
#include "clipk/metrics/hungarian.hpp"
#include "clipk/metrics/silhouette.hpp"

// The scores of a clustering, from labels and from a table.
namespace clipk::bench {
namespace {

std::vector<std::int32_t> labels(std::int64_t n, std::int64_t k, std::uint64_t seed) {
  std::vector<std::int32_t> result(static_cast<std::size_t>(n));
  Random random(seed, RandomStream::data);
  for (std::int32_t& label : result) {
    label = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(k)));
  }
  return result;
}

VectorView<const std::int32_t> view(const std::vector<std::int32_t>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size())};
}

void silhouette_bench(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = state.range(1), k = state.range(2);
  Matrix<float> rows(n, d);
  Random random(1, RandomStream::data);
  for (float& value : rows.flat()) value = static_cast<float>(random.normal());
  const std::vector<std::int32_t> of = labels(n, k, 2);
  const double pairs = static_cast<double>(n) * static_cast<double>(n);
  run(state, context, {.flops = 2 * pairs * static_cast<double>(d)},
      [&] { benchmark::DoNotOptimize(silhouette(context, rows, view(of))); });
}
BENCHMARK(silhouette_bench)
    ->Name("silhouette")
    ->ArgNames({"n", "d", "k"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->Args({10000, 784, 10})
    ->Args({10000, 2, 10});

// Everything from labels to the adjusted mutual information.
void adjusted_mutual_info_bench(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), k = state.range(1);
  const std::vector<std::int32_t> truth = labels(n, k, 1), predicted = labels(n, k, 2);
  run(state, context, {.bytes = 8 * static_cast<double>(n)}, [&] {
    benchmark::DoNotOptimize(adjusted_mutual_info(contingency(view(truth), view(predicted))));
  });
}
BENCHMARK(adjusted_mutual_info_bench)
    ->Name("adjusted_mutual_info")
    ->ArgNames({"n", "k"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->Args({70000, 10})
    ->Args({100000, 1000})
    ->Args({10000000, 10});

void expected_mutual_info_bench(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), k = state.range(1);
  Matrix<std::int64_t> counts(k, k);
  Random random(1, RandomStream::data);
  for (std::int64_t& count : counts.flat()) {
    count = static_cast<std::int64_t>((0.5 + static_cast<double>(random.uniform())) *
                                      static_cast<double>(n) / static_cast<double>(k * k));
  }
  const Contingency table = contingency(counts);
  run(state, context, {}, [&] { benchmark::DoNotOptimize(expected_mutual_info(table)); });
}
BENCHMARK(expected_mutual_info_bench)
    ->Name("expected_mutual_info")
    ->ArgNames({"n", "k"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->Args({1000000000, 10})
    ->Args({1000000000, 100});

void hungarian_bench(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t k = state.range(0);
  Matrix<std::int64_t> weights(k, k);
  Random random(1, RandomStream::data);
  for (std::int64_t& weight : weights.flat())
    weight = static_cast<std::int64_t>(random.below(1000));
  run(state, context, {.bytes = 8 * static_cast<double>(k * k)},
      [&] { benchmark::DoNotOptimize(hungarian(weights).total); });
}
BENCHMARK(hungarian_bench)
    ->Name("hungarian")
    ->ArgName("k")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->Arg(100)
    ->Arg(1000);

}  // namespace
}  // namespace clipk::bench
