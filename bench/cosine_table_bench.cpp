#include "clipk/metrics/cosine_table.hpp"

#include <sys/resource.h>

#include "bench/support.hpp"
#include "clipk/core/random.hpp"
#include "clipk/ops/cosine_top_k.hpp"
#include "clipk/ops/dense.hpp"

namespace clipk::bench {
namespace {

constexpr std::int64_t kDim = 512, kNearest = 10;
constexpr std::int64_t kGemmRows = 5000;  // the product's table is not held either

// Uniform on [-1, 1): a million rows of normal numbers would take longer than what is timed.
Matrix<float> rows(Context& context, std::int64_t n, std::uint64_t seed) {
  Matrix<float> host(n, kDim);
  const std::int64_t values = n * kDim;
  for (std::int64_t i = 0; i < values; i += 4) {
    const auto block = random_block(seed, RandomStream::data, 0, static_cast<std::uint64_t>(i));
    for (std::int64_t j = 0; j < 4; ++j) {
      host.data()[i + j] = static_cast<float>(block[static_cast<std::size_t>(j)]) * 0x1p-31F - 1;
    }
  }
  return host.to_device(context);
}

Work work_of(std::int64_t n, std::int64_t m) {
  return {.bytes = 4 * static_cast<double>((n + m) * kDim),
          .flops = 2 * static_cast<double>(n * m) * static_cast<double>(kDim)};
}

void add_memory(benchmark::State& state) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_GiB"] = static_cast<double>(usage.ru_maxrss) / (1024.0 * 1024.0);
}

// What the others are measured by: the products alone, block by block.
void gemm(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1);
  const Matrix<float> x = rows(context, n, 1), y = rows(context, m, 2);
  Matrix<float> out(context, kGemmRows, m);
  run(state, context, work_of(n, m), [&] {
    for (std::int64_t i = 0; i < n; i += kGemmRows) {
      dense(context, x.view().row_range(i, kGemmRows), y, VectorView<const float>(),
            Activation::identity, out);
    }
  });
  add_memory(state);
}

void table(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1);
  const Matrix<float> x = rows(context, n, 1), y = rows(context, m, 2);
  run(state, context, work_of(n, m), [&] {
    cosine_table(context, x, y, {}, [](std::int64_t, MatrixView<const float> block) {
      benchmark::DoNotOptimize(block.data);
    });
  });
  add_memory(state);
}

void top_k(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1);
  const Matrix<float> x = rows(context, n, 1), y = rows(context, m, 2);
  Matrix<std::int32_t> of_x(context, n, kNearest), of_y(context, m, kNearest);
  Matrix<float> cosines_of_x(context, n, kNearest), cosines_of_y(context, m, kNearest);
  run(state, context, work_of(n, m),
      [&] { cosine_top_k(context, x, y, of_x, cosines_of_x, of_y, cosines_of_y); });
  add_memory(state);
}

void shape(benchmark::internal::Benchmark* bench) {
  bench->UseManualTime()->Unit(benchmark::kMillisecond)->ArgNames({"n", "m"});
  bench->Args({50000, 1000})->Args({1000000, 1000});
}
BENCHMARK(gemm)->Apply(shape);
BENCHMARK(table)->Name("cosine_table")->Apply(shape);
BENCHMARK(top_k)->Name("cosine_top_k")->Apply(shape);

}  // namespace
}  // namespace clipk::bench
