#include "clipk/metrics/cosine_table.hpp"

#include "bench/cosine_rows.hpp"
#include "bench/support.hpp"
#include "clipk/ops/dense.hpp"

namespace clipk::bench {
namespace {

constexpr std::int64_t kGemmRows = 5000;  // the product's table is not stored either

// The baseline of the others: the products alone, block by block.
void gemm(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1);
  const Matrix<float> x = cosine_rows(context, n, 1), y = cosine_rows(context, m, 2);
  Matrix<float> out(context, kGemmRows, m);
  run(state, context, cosine_work(n, m), [&] {
    for (std::int64_t i = 0; i < n; i += kGemmRows) {
      dense(context, x.view().row_range(i, kGemmRows), y, VectorView<const float>(),
            Activation::identity, out);
    }
  });
  report_peak_memory(state);
}

void table(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1);
  const Matrix<float> x = cosine_rows(context, n, 1), y = cosine_rows(context, m, 2);
  run(state, context, cosine_work(n, m), [&] {
    cosine_table(context, x, y, {}, [](std::int64_t, MatrixView<const float> block) {
      benchmark::DoNotOptimize(block.data);
    });
  });
  report_peak_memory(state);
}

void shape(benchmark::internal::Benchmark* bench) {
  bench->UseManualTime()->Unit(benchmark::kMillisecond)->ArgNames({"n", "m"});
  bench->Args({50000, 1000})->Args({1000000, 1000});
}
BENCHMARK(gemm)->Apply(shape);
BENCHMARK(table)->Name("cosine_table")->Apply(shape);

}  // namespace
}  // namespace clipk::bench
