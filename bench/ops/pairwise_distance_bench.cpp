#include "clipk/ops/pairwise_distance.hpp"

#include "bench/support.hpp"
#include "clipk/core/random.hpp"
#include "clipk/ops/dense.hpp"

namespace clipk::bench {
namespace {

Matrix<float> rows(Context& context, std::int64_t n, std::int64_t d, std::uint64_t seed,
                   double offset = 0) {
  Random random(seed, RandomStream::data);
  Matrix<float> host(n, d);
  for (float& value : host.flat()) value = static_cast<float>(random.normal() + offset);
  return host.to_device(context);
}

// The work of one product; the rest is not counted.
Work work_of(std::int64_t n, std::int64_t m, std::int64_t d) {
  const auto pairs = static_cast<double>(n * m);
  return {.bytes = 4 * (static_cast<double>((n + m) * d) + pairs),
          .flops = 2 * pairs * static_cast<double>(d)};
}

// The baseline of the distance: the same product and nothing else.
void gemm(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1), d = state.range(2);
  const Matrix<float> x = rows(context, n, d, 1), y = rows(context, m, d, 2);
  Matrix<float> out(context, n, m);
  run(state, context, work_of(n, m, d),
      [&] { dense(context, x, y, VectorView<const float>(), Activation::identity, out); });
}

void distance(benchmark::State& state, Metric metric, double offset) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1), d = state.range(2);
  const Matrix<float> x = rows(context, n, d, 1, offset), y = rows(context, m, d, 2, offset);
  Matrix<float> out(context, n, m);
  run(state, context, work_of(n, m, d), [&] { pairwise_distance(context, x, y, metric, out); });
}
void pairwise_distance_squared(benchmark::State& state) {
  distance(state, Metric::squared_euclidean, 0);
}
void pairwise_distance_euclidean(benchmark::State& state) {
  distance(state, Metric::euclidean, 0);
}
void pairwise_distance_cosine(benchmark::State& state) {
  distance(state, Metric::cosine, 0);
}
// All rows share an offset and are so near each other that all distances are computed again.
void pairwise_distance_all_near(benchmark::State& state) {
  distance(state, Metric::euclidean, 100);
}

// Both sides are the same rows: half the products give the whole matrix.
void pairwise_distance_within(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1), d = state.range(2);
  const Matrix<float> x = rows(context, n, d, 1);
  Matrix<float> out(context, n, m);
  run(state, context, work_of(n, m, d),
      [&] { pairwise_distance(context, x, x, Metric::euclidean, out); });
}

// Three products: the distances, and the gradient of either side.
void backward(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1), d = state.range(2);
  const Matrix<float> x = rows(context, n, d, 1), y = rows(context, m, d, 2),
                      g = rows(context, n, m, 3);
  Matrix<float> grad_x(context, n, d), grad_y(context, m, d);
  Work work = work_of(n, m, d);
  work.bytes *= 2;
  work.flops *= 3;
  run(state, context, work,
      [&] { pairwise_distance_backward(context, x, y, Metric::euclidean, g, grad_x, grad_y); });
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->Args({5000, 5000, 512})->Args({5000, 5000, 64})->ArgNames({"n", "m", "d"});
  bench->UseManualTime()->Unit(benchmark::kMillisecond);
}
BENCHMARK(gemm)->Apply(sizes);
BENCHMARK(pairwise_distance_squared)->Apply(sizes);
BENCHMARK(pairwise_distance_euclidean)->Apply(sizes);
BENCHMARK(pairwise_distance_cosine)->Apply(sizes);
BENCHMARK(pairwise_distance_within)->Apply(sizes);
BENCHMARK(pairwise_distance_all_near)->Apply(sizes);
BENCHMARK(backward)->Name("pairwise_distance_backward")->Apply(sizes);

}  // namespace
}  // namespace clipk::bench
