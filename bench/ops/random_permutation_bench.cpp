#include "clipk/ops/random_permutation.hpp"

#include "bench/support.hpp"

namespace clipk::bench {
namespace {

// The bytes are those of the result; a sort moves its keys several times.
void random_permutation_of(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  Matrix<std::int32_t> order(context, 1, n);
  std::uint32_t step = 0;
  run(state, context, {.bytes = 4.0 * static_cast<double>(n), .flops = 0},
      [&] { random_permutation(context, 1, RandomStream::shuffle, step++, order.flat()); });
}
BENCHMARK(random_permutation_of)->Arg(5000)->Arg(1 << 20)->ArgName("n")->UseManualTime();

}  // namespace
}  // namespace clipk::bench
