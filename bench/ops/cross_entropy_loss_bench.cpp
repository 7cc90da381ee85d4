#include "clipk/ops/cross_entropy_loss.hpp"

#include <vector>

#include "bench/support.hpp"
#include "clipk/core/random.hpp"

namespace clipk::bench {
namespace {

void cross_entropy_loss(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), k = state.range(1);
  Matrix<float> host(n, k);
  Matrix<std::int32_t> host_labels(1, n);
  Random random(1, RandomStream::data);
  for (float& value : host.flat()) value = 4 * random.uniform();
  for (std::int32_t& label : host_labels.flat()) {
    label = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(k)));
  }
  const Matrix<float> logits = host.to_device(context);
  const Matrix<std::int32_t> labels = host_labels.to_device(context);
  Matrix<float> grad(context, n, k);
  Matrix<double> loss(context, 1, 1);
  run(state, context, {.bytes = 8.0 * n * k + 8.0 * n, .flops = 5.0 * n * k}, [&] {
    clipk::cross_entropy_loss(context, logits, labels.flat(), Reduction::mean, 1, loss.flat(),
                              grad);
  });
}
BENCHMARK(cross_entropy_loss)
    ->Args({256, 10})
    ->Args({70000, 10})
    ->Args({8192, 1000})
    ->ArgNames({"n", "k"})
    ->UseManualTime();

}  // namespace
}  // namespace clipk::bench
