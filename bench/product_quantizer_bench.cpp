// A search by codes from rows of queries on, as an index gives it: tables and scan together.
#include "clipk/models/product_quantizer.hpp"

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

Matrix<std::uint8_t> random_codes(Context& context, std::int64_t n, std::int64_t bytes) {
  Random random(2, RandomStream::data);
  Matrix<std::uint8_t> host(n, bytes);
  for (std::uint8_t& code : host.flat()) code = static_cast<std::uint8_t>(random.bits() & 0xFFU);
  return host.to_device(context);
}

void search(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), rows = state.range(1), d = state.range(2);
  const std::int64_t m = state.range(3), centroids = state.range(4);
  const ProductQuantizer model =
      ProductQuantizer::fit(context, random_rows(context, 4096, d, 1),
                            {.subvectors = m, .centroids = centroids, .iterations = 2});
  const Matrix<float> queries = random_rows(context, n, d, 3);
  const Matrix<std::uint8_t> codes = random_codes(context, rows, model.bytes_per_vector());
  const Work work{.bytes = static_cast<double>(rows * model.bytes_per_vector()),
                  .flops = static_cast<double>(n * rows) * static_cast<double>(m)};
  run(state, context, work, [&] { model.search(context, queries, codes, 10); });
}

void fit(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = state.range(1), m = state.range(2);
  const bool learned = state.range(4) != 0;
  const Matrix<float> rows = random_rows(context, n, d, 1);
  const ProductQuantizerOptions options{
      .subvectors = m,
      .centroids = state.range(3),
      .rotation = learned ? PqRotation::learned : PqRotation::none};
  run(state, context, {}, [&] { ProductQuantizer::fit(context, rows, options); });
}

BENCHMARK(search)
    ->Name("product_quantizer_search")
    ->Args({1, 1000000, 512, 64, 256})
    ->Args({256, 100000, 128, 16, 256})
    ->Args({256, 100000, 512, 64, 256})
    ->Args({256, 100000, 512, 64, 16})
    ->Args({500, 500, 512, 64, 256})
    ->ArgNames({"n", "rows", "d", "m", "centroids"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(fit)
    ->Name("product_quantizer_fit")
    ->Args({20000, 128, 16, 256, 0})
    ->Args({20000, 128, 16, 256, 1})
    ->ArgNames({"n", "d", "m", "centroids", "learned"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace clipk::bench
