#include "clipk/ops/log_sum_exp.hpp"

#include "bench/support.hpp"
#include "clipk/core/random.hpp"
#include "clipk/metrics/hubness.hpp"
#include "clipk/metrics/modality_gap.hpp"
#include "clipk/metrics/reranking.hpp"
#include "clipk/ops/dense.hpp"

namespace clipk::bench {
namespace {

Matrix<float> rows(Context& context, std::int64_t n, std::int64_t d, std::uint64_t seed) {
  Random random(seed, RandomStream::data);
  Matrix<float> host(n, d);
  for (float& value : host.flat()) value = static_cast<float>(random.normal());
  return host.to_device(context);
}

double products(std::int64_t n, std::int64_t m, std::int64_t d) {
  return 2 * static_cast<double>(n * m) * static_cast<double>(d);
}

// The baseline of the sums: the same products, stored, and nothing else.
void gemm(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1), d = state.range(2);
  const Matrix<float> x = rows(context, n, d, 1), y = rows(context, m, d, 2);
  Matrix<float> out(context, n, m);
  run(state, context,
      {.bytes = 4 * static_cast<double>((n + m) * d + n * m), .flops = products(n, m, d)},
      [&] { dense(context, x, y, VectorView<const float>(), Activation::identity, out); });
}

void sums(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1), d = state.range(2);
  const Matrix<float> x = rows(context, n, d, 1), y = rows(context, m, d, 2);
  const Matrix<double> offset(context, 1, m);
  Matrix<double> out(context, 1, n);
  run(state, context,
      {.bytes = 4 * static_cast<double>((n + m) * d) + 8 * static_cast<double>(n + m),
       .flops = products(n, m, d)},
      [&] {
        log_sum_exp(context, x, y, 50.0 / static_cast<double>(d), offset.flat(), out.flat());
      });
}

// Ten iterations of scaling: twenty tables, and one at the start.
void sinkhorn(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1), d = 512;
  const Matrix<float> bank = rows(context, n, d, 1), candidates = rows(context, m, d, 2);
  run(state, context,
      {.bytes = 21 * 4 * static_cast<double>((n + m) * d), .flops = 21 * products(n, m, d)}, [&] {
        benchmark::DoNotOptimize(
            sinkhorn_bias(context, bank, candidates, {.max_iterations = 10, .tolerance = 0}));
      });
}

void csls(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1), d = 512;
  const Matrix<float> bank = rows(context, n, d, 1), candidates = rows(context, m, d, 2);
  run(state, context, {.bytes = 4 * static_cast<double>((n + m) * d), .flops = products(n, m, d)},
      [&] { benchmark::DoNotOptimize(csls_bias(context, bank, candidates)); });
}

void hubs(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1), d = 512;
  const Matrix<float> queries = rows(context, n, d, 1), candidates = rows(context, m, d, 2);
  run(state, context, {.bytes = 4 * static_cast<double>((n + m) * d), .flops = products(n, m, d)},
      [&] { benchmark::DoNotOptimize(hubness(context, queries, candidates)); });
}

void gap(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = 512;
  const Matrix<float> images = rows(context, n, d, 1), texts = rows(context, n, d, 2);
  run(state, context,
      {.bytes = 8 * static_cast<double>(n * d), .flops = 16 * static_cast<double>(n * d)},
      [&] { benchmark::DoNotOptimize(modality_gap(context, images, texts)); });
}

void shape(benchmark::internal::Benchmark* bench) {
  bench->UseManualTime()->Unit(benchmark::kMillisecond);
}
// One half of a Sinkhorn step, the other half, and rows so short that the exponentials matter.
void table(benchmark::internal::Benchmark* bench) {
  bench->Args({65536, 1000, 512})
      ->Args({1000, 65536, 512})
      ->Args({5000, 5000, 64})
      ->ArgNames({"n", "m", "d"})
      ->Apply(shape);
}
BENCHMARK(gemm)->Apply(table);
BENCHMARK(sums)->Name("log_sum_exp")->Apply(table);
BENCHMARK(sinkhorn)->Args({20000, 1000})->ArgNames({"n", "m"})->Apply(shape);
BENCHMARK(csls)->Args({20000, 1000})->ArgNames({"n", "m"})->Apply(shape);
BENCHMARK(hubs)->Name("hubness")->Args({20000, 1000})->ArgNames({"n", "m"})->Apply(shape);
BENCHMARK(gap)->Name("modality_gap")->Arg(100000)->ArgName("n")->Apply(shape);

}  // namespace
}  // namespace clipk::bench
