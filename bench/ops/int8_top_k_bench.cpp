#include "clipk/ops/int8_top_k.hpp"

#include "bench/support.hpp"
#include "clipk/core/random.hpp"

namespace clipk::bench {
namespace {

Matrix<std::int8_t> rows(Context& context, std::int64_t n, std::int64_t d, std::uint64_t seed) {
  Random random(seed, RandomStream::data);
  Matrix<std::int8_t> host(n, d);
  for (std::int8_t& value : host.flat()) value = static_cast<std::int8_t>(random.bits() & 0xFFU);
  return host.to_device(context);
}

void search(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1), d = state.range(2);
  const Matrix<std::int8_t> x = rows(context, n, d, 1), y = rows(context, m, d, 2);
  Matrix<float> scores(context, n, 10);
  Matrix<std::int32_t> indices(context, n, 10);
  const Work work{.bytes = static_cast<double>((n + m) * d) + 80 * static_cast<double>(n)};
  run(state, context, work,
      [&] { int8_top_k(context, x, y, VectorView<const float>(), indices, scores); });
}

BENCHMARK(search)
    ->Name("int8_top_k")
    ->ArgsProduct({{1, 16, 256}, {100000, 1000000}, {64, 128, 256, 512}})
    ->ArgNames({"n", "m", "d"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace clipk::bench
