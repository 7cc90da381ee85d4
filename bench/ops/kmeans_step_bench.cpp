#include "clipk/ops/kmeans_step.hpp"

#include <vector>

#include "bench/image_rows.hpp"
#include "bench/support.hpp"

namespace clipk::bench {
namespace {

constexpr std::int64_t kDim = 784;
constexpr std::int64_t kK = 10;

// A step in which no label changes, without bounds, so that all distances are computed.
void kmeans_step(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), sets = state.range(1);
  const Matrix<float> rows = image_rows(n, kDim);
  const Matrix<float> points = rows.to_device(context);
  const Matrix<float> centres =
      Matrix<float>::copy_of(context, rows.view().row_range(0, sets * kK));
  const std::vector<std::int32_t> none(static_cast<std::size_t>(sets * n), -1);
  Matrix<std::int32_t> labels(context, sets, n);
  copy<std::int32_t>(context, VectorView<const std::int32_t>(none.data(), sets * n), labels.flat());
  Matrix<double> sums(context, sets * kK, kDim);
  Matrix<std::int64_t> counts(context, sets, kK), changed(context, 1, sets);
  const KMeansState all{BatchView<const float>(centres.data(), sets, kK, kDim, centres.device()),
                        labels, BatchView<double>(sums.data(), sets, kK, kDim, sums.device()),
                        counts, changed.flat()};
  const double values = static_cast<double>(n) * kDim;
  run(state, context, {.bytes = 4 * values, .flops = 2 * values * static_cast<double>(sets * kK)},
      [&] { clipk::kmeans_step(context, points, all); });
}
BENCHMARK(kmeans_step)
    ->ArgNames({"n", "sets"})
    ->Args({20000, 1})
    ->Args({20000, 10})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace clipk::bench
