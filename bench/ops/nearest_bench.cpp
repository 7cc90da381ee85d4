#include "clipk/ops/nearest.hpp"

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

Work work_of(std::int64_t n, std::int64_t m, std::int64_t d, std::int64_t k) {
  return {.bytes = 4 * static_cast<double>((n + m) * d) + 8 * static_cast<double>(n * k),
          .flops = 2 * static_cast<double>(n * m) * static_cast<double>(d)};
}

// The baseline of the search: the same product, stored, and nothing else.
void gemm(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1), d = state.range(2);
  const Matrix<float> x = rows(context, n, d, 1), y = rows(context, m, d, 2);
  Matrix<float> out(context, n, m);
  run(state, context, work_of(n, m, d, 0),
      [&] { dense(context, x, y, VectorView<const float>(), Activation::identity, out); });
}

void search(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1), d = state.range(2), k = state.range(3);
  const Matrix<float> x = rows(context, n, d, 1), y = rows(context, m, d, 2);
  Matrix<std::int32_t> indices(context, n, k);
  Matrix<float> distances(context, n, k);
  run(state, context, work_of(n, m, d, k), [&] { nearest(context, x, y, {}, indices, distances); });
}

void shape(benchmark::internal::Benchmark* bench) {
  bench->UseManualTime()->Unit(benchmark::kMillisecond);
}
// Retrieval, assignment of k-means, and few queries of a large set.
BENCHMARK(gemm)
    ->Args({5000, 5000, 512})
    ->Args({5000, 5000, 64})
    ->Args({60000, 10, 64})
    ->Args({64, 100000, 128})
    ->ArgNames({"n", "m", "d"})
    ->Apply(shape);
BENCHMARK(search)
    ->Name("nearest")
    ->Args({5000, 5000, 512, 1})
    ->Args({5000, 5000, 512, 10})
    ->Args({5000, 5000, 512, 128})
    ->Args({5000, 5000, 64, 10})
    ->Args({60000, 10, 64, 1})
    ->Args({64, 100000, 128, 10})
    ->Args({5000, 50000, 512, 10})
    ->Args({20000, 20000, 64, 10})
    ->ArgNames({"n", "m", "d", "k"})
    ->Apply(shape);

}  // namespace
}  // namespace clipk::bench
