#include "clipk/ops/hamming_top_k.hpp"

#include "bench/support.hpp"
#include "clipk/core/random.hpp"

namespace clipk::bench {
namespace {

Matrix<std::uint8_t> codes(Context& context, std::int64_t n, std::int64_t bytes,
                           std::uint64_t seed) {
  Random random(seed, RandomStream::data);
  Matrix<std::uint8_t> host(n, bytes);
  for (std::uint8_t& value : host.flat()) value = static_cast<std::uint8_t>(random.bits());
  return host.to_device(context);
}

void search(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), m = state.range(1), bytes = state.range(2) / 8;
  const Matrix<std::uint8_t> x = codes(context, n, bytes, 1), y = codes(context, m, bytes, 2);
  Matrix<std::int32_t> indices(context, n, 10), distances(context, n, 10);
  // Its operations are counts of bits, not products: the floor is that of the bytes.
  const Work work{.bytes = static_cast<double>((n + m) * bytes) + 80 * static_cast<double>(n)};
  run(state, context, work, [&] { hamming_top_k(context, x, y, indices, distances); });
}

BENCHMARK(search)
    ->Name("hamming_top_k")
    ->ArgsProduct({{1, 16, 256}, {100000, 1000000}, {64, 128, 256, 512}})
    ->ArgNames({"n", "m", "bits"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace clipk::bench
