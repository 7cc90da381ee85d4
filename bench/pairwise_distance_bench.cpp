#include "clipk/ops/pairwise_distance.hpp"

#include "bench/support.hpp"
#include "clipk/core/random.hpp"
#include "clipk/ops/dense.hpp"

namespace clipk::bench {
namespace {

Matrix<float> rows(Context& context, std::int64_t n, std::int64_t d, std::uint64_t seed) {
  Random random(seed, RandomStream::data);
  Matrix<float> host(n, d);
  for (float& value : host.flat()) value = static_cast<float>(random.normal());
  return host.to_device(context);
}

Work work_of(std::int64_t n, std::int64_t d) {
  const auto pairs = static_cast<double>(n * n);
  const auto dimension = static_cast<double>(d);
  return {.bytes = 4 * (2 * static_cast<double>(n * d) + pairs), .flops = 2 * pairs * dimension};
}

// What the distance is measured by: the same product and nothing else.
void bare_gemm(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = state.range(1);
  const Matrix<float> x = rows(context, n, d, 1), y = rows(context, n, d, 2);
  Matrix<float> out(context, n, n);
  run(state, context, work_of(n, d),
      [&] { dense(context, x, y, VectorView<const float>(), Activation::identity, out); });
}

template <Metric kMetric>
void distance(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = state.range(1);
  const Matrix<float> x = rows(context, n, d, 1), y = rows(context, n, d, 2);
  Matrix<float> out(context, n, n);
  run(state, context, work_of(n, d), [&] { pairwise_distance(context, x, y, kMetric, out); });
}

// Both sides the same rows: half the products serve the whole matrix.
void distance_within(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = state.range(1);
  const Matrix<float> x = rows(context, n, d, 1);
  Matrix<float> out(context, n, n);
  run(state, context, work_of(n, d),
      [&] { pairwise_distance(context, x, x, Metric::euclidean, out); });
}

// All pairs so near that all are computed again.
void distance_all_near(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = state.range(1);
  Matrix<float> host = rows(context, n, d, 1).to_host(context);
  for (float& value : host.flat()) value += 100;
  const Matrix<float> x = host.to_device(context);
  const Matrix<float> y = host.to_device(context);
  Matrix<float> out(context, n, n);
  run(state, context, work_of(n, d),
      [&] { pairwise_distance(context, x, y, Metric::euclidean, out); });
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->Args({5000, 512})->Args({5000, 64})->ArgNames({"rows", "dim"});
  bench->UseManualTime()->Unit(benchmark::kMillisecond);
}
BENCHMARK(bare_gemm)->Apply(sizes);
BENCHMARK(distance<Metric::squared_euclidean>)->Apply(sizes);
BENCHMARK(distance<Metric::euclidean>)->Apply(sizes);
BENCHMARK(distance<Metric::cosine>)->Apply(sizes);
BENCHMARK(distance_within)->Apply(sizes);
BENCHMARK(distance_all_near)->Apply(sizes);

}  // namespace
}  // namespace clipk::bench
