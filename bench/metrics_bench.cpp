#include "bench/support.hpp"
#include "clipk/core/random.hpp"
#include "clipk/metrics/bootstrap.hpp"
#include "clipk/metrics/geometry.hpp"
#include "clipk/metrics/retrieval.hpp"
#include "clipk/models/pca.hpp"

// The metrics of the dimension study on n pairs of 512 dimensions and codes of 64.
namespace clipk::bench {
namespace {

constexpr std::int64_t kDim = 512;
constexpr std::int64_t kCodes = 64;

Matrix<float> rows(std::int64_t n, std::int64_t d, std::uint64_t seed) {
  Matrix<float> result(n, d);
  Random random(seed, RandomStream::data);
  for (std::int64_t i = 0; i < n * d; ++i) result.data()[i] = static_cast<float>(random.normal());
  return result;
}

void shape(benchmark::internal::Benchmark* bench) {
  bench->ArgName("n")->UseManualTime()->Unit(benchmark::kMillisecond);
}

void kendall_distance_bench(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  const Matrix<float> x = rows(n, kDim, 1);
  const DistanceBlock low{.x = x.view().col_range(0, kCodes)};
  // At least the lower triangle of two products, and one key per distance written and read.
  const double pairs = static_cast<double>(n) * static_cast<double>(n - 1) / 2;
  run(state, context, {.bytes = 16 * pairs, .flops = 2 * pairs * (kDim + kCodes)},
      [&] { benchmark::DoNotOptimize(kendall_distance(context, {.x = x}, low)); });
}
BENCHMARK(kendall_distance_bench)->Name("kendall_distance")->Apply(shape)->Arg(500)->Arg(5000);

void stress1_bench(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  const Matrix<float> x = rows(n, kDim, 1);
  const DistanceBlock low{.x = x.view().col_range(0, kCodes)};
  const double pairs = static_cast<double>(n) * static_cast<double>(n - 1) / 2;
  run(state, context, {.flops = 2 * pairs * (kDim + kCodes)},
      [&] { benchmark::DoNotOptimize(stress1(context, {.x = x}, low)); });
}
BENCHMARK(stress1_bench)->Name("stress1")->Apply(shape)->Arg(500)->Arg(5000);

void retrieval_bench(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  const Matrix<float> x = rows(n, kDim, 1), y = rows(n, kDim, 2);
  const double pairs = static_cast<double>(n) * static_cast<double>(n);
  run(state, context, {.flops = 2 * pairs * kDim},
      [&] { benchmark::DoNotOptimize(retrieval(context, x, y)); });
}
BENCHMARK(retrieval_bench)->Name("retrieval")->Apply(shape)->Arg(500)->Arg(5000);

void trustworthiness_bench(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  const Matrix<float> x = rows(n, kDim, 1);
  const double pairs = static_cast<double>(n) * static_cast<double>(n);
  run(state, context, {.flops = 2 * pairs * (kDim + kCodes)}, [&] {
    benchmark::DoNotOptimize(trustworthiness(context, x, x.view().col_range(0, kCodes), 12));
  });
}
BENCHMARK(trustworthiness_bench)->Name("trustworthiness")->Apply(shape)->Arg(500)->Arg(5000);

void pca_fit_bench(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  const Matrix<float> x = rows(n, kDim, 1), y = rows(n, kDim, 2);
  run(state, context, {.flops = 4 * static_cast<double>(n * kDim * kDim)},
      [&] { benchmark::DoNotOptimize(Pca::fit(context, x, y)); });
}
BENCHMARK(pca_fit_bench)->Name("pca_fit")->Apply(shape)->Arg(250)->Arg(500)->Arg(5000);

void paired_bootstrap_bench(benchmark::State& state) {
  Context context = bench_context();
  const auto n = static_cast<std::size_t>(state.range(0));
  std::vector<double> a(n), b(n);
  Random random(1, RandomStream::data);
  for (std::size_t i = 0; i < n; ++i) {
    a[i] = random.uniform() < 0.55F;
    b[i] = random.uniform() < 0.5F;
  }
  run(state, context, {.bytes = 8 * 10000 * static_cast<double>(n)},
      [&] { benchmark::DoNotOptimize(paired_bootstrap(context, a, b)); });
}
BENCHMARK(paired_bootstrap_bench)->Name("paired_bootstrap")->Apply(shape)->Arg(500)->Arg(5000);

}  // namespace
}  // namespace clipk::bench
