#include "clipk/ops/pq_top_k.hpp"

#include "bench/support.hpp"
#include "clipk/core/random.hpp"

namespace clipk::bench {
namespace {

Matrix<float> random_rows(Context& context, std::int64_t n, std::int64_t d, std::uint64_t seed) {
  Random random(seed, RandomStream::data);
  Matrix<float> host(n, d);
  for (float& value : host.flat()) value = static_cast<float>(random.normal());
  return host.to_device(context);
}

// Random codes: the worst case for the caches.
Matrix<std::uint8_t> random_codes(Context& context, std::int64_t n, std::int64_t bytes) {
  Random random(2, RandomStream::data);
  Matrix<std::uint8_t> host(n, bytes);
  for (std::uint8_t& code : host.flat()) code = static_cast<std::uint8_t>(random.bits() & 0xFFU);
  return host.to_device(context);
}

void search(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), rows = state.range(1), m = state.range(2);
  const std::int64_t centroids = state.range(3), k = state.range(4);
  const std::int64_t bytes = centroids == 16 ? (m + 1) / 2 : m;
  const Matrix<float> tables = random_rows(context, n, m * centroids, 1);
  const Matrix<std::uint8_t> codes = random_codes(context, rows, bytes);
  Matrix<std::int32_t> indices(context, n, k);
  Matrix<float> scores(context, n, k);
  const BatchView<const float> batch(tables.data(), n, m, centroids, context.device());
  const Work work{.bytes = 4 * static_cast<double>(n * m * centroids) +
                           static_cast<double>(rows * bytes) + 8 * static_cast<double>(n * k),
                  .flops = static_cast<double>(n * rows) * static_cast<double>(m)};
  run(state, context, work,
      [&] { pq_top_k(context, batch, codes, PqOrder::smallest_first, indices, scores); });
}

BENCHMARK(search)
    ->Name("pq_top_k")
    ->Args({1, 1000000, 64, 256, 10})
    ->Args({256, 100000, 16, 256, 10})
    ->Args({256, 100000, 64, 256, 10})
    ->Args({256, 100000, 64, 16, 10})
    ->Args({256, 100000, 128, 16, 10})
    ->ArgNames({"n", "rows", "m", "centroids", "k"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace clipk::bench
