#include "clipk/ops/permute.hpp"

#include "bench/support.hpp"

namespace clipk::bench {
namespace {

struct Columns {
  std::int64_t n, d;
  Context context = bench_context();
  Matrix<float> x{context, n, d}, y{context, n, d};
  Matrix<std::int32_t> order;

  explicit Columns(const benchmark::State& state) : n(state.range(0)), d(state.range(1)) {
    Matrix<std::int32_t> odd_steps(1, d);  // d is a power of two
    for (std::int64_t j = 0; j < d; ++j) {
      odd_steps(0, j) = static_cast<std::int32_t>((37 * j + 11) % d);
    }
    order = odd_steps.to_device(context);
  }
  Work work() const { return {.bytes = 8 * static_cast<double>(n * d)}; }
};

void permute_columns(benchmark::State& state) {
  Columns c(state);
  run(state, c.context, c.work(), [&] { permute(c.context, c.x, c.order.flat(), c.y); });
}
void permute_back(benchmark::State& state) {
  Columns c(state);
  run(state, c.context, c.work(), [&] { permute_inverse(c.context, c.x, c.order.flat(), c.y); });
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->Args({256, 64})->Args({65536, 256})->ArgNames({"n", "d"})->UseManualTime();
}
BENCHMARK(permute_columns)->Apply(shapes);
BENCHMARK(permute_back)->Apply(shapes);

}  // namespace
}  // namespace clipk::bench
