#include "clipk/models/logistic_probe.hpp"

#include <algorithm>
#include <vector>

#include "bench/support.hpp"
#include "clipk/core/random.hpp"

namespace clipk::bench {
namespace {

// Labels are the largest of k noisy linear functions of the rows.
void logistic_probe_fit(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), d = state.range(1), k = state.range(2);
  Random random(1, RandomStream::data);
  Matrix<float> rows(n, d), directions(k, d);
  for (float& value : rows.flat()) value = static_cast<float>(random.normal());
  for (float& value : directions.flat()) value = static_cast<float>(random.normal());
  std::vector<std::int32_t> labels;
  std::vector<double> scores(static_cast<std::size_t>(k));
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t c = 0; c < k; ++c) {
      double& score = scores[static_cast<std::size_t>(c)];
      score = 4 * random.normal();
      for (std::int64_t j = 0; j < d; ++j) {
        score += static_cast<double>(rows(i, j) * directions(c, j));
      }
    }
    labels.push_back(
        static_cast<std::int32_t>(std::max_element(scores.begin(), scores.end()) - scores.begin()));
  }
  constexpr std::int64_t kSteps = 50;
  const LogisticProbeOptions options{.max_iterations = kSteps, .tolerance = 1e-12};
  const double products = 4.0 * kSteps * n * d * k;
  run(state, context, {.bytes = 16.0 * kSteps * n * d, .flops = products},
      [&] { benchmark::DoNotOptimize(LogisticProbe::fit(context, rows, labels, options)); });
}
BENCHMARK(logistic_probe_fit)
    ->Args({20000, 64, 10})
    ->ArgNames({"n", "d", "k"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace clipk::bench
