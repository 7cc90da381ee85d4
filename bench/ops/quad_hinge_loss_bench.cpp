#include "clipk/ops/quad_hinge_loss.hpp"

#include "bench/support.hpp"
#include "clipk/core/random.hpp"
#include "clipk/ops/nearest.hpp"
#include "clipk/ops/pairwise_distance.hpp"

namespace clipk::bench {
namespace {

constexpr std::int64_t kRowDim = 64;
constexpr std::int64_t kNear = 10;

Matrix<float> random_matrix(Context& context, std::int64_t rows, std::int64_t cols,
                            std::uint64_t seed) {
  Random random(seed, RandomStream::data);
  Matrix<float> host(rows, cols);
  for (float& value : host.flat()) value = static_cast<float>(random.normal());
  return host.to_device(context);
}

// One call: distances of the codes, draws, loss and gradient. The floor is that of the dense form:
// three products, and one read of the target.
void quad_hinge(benchmark::State& state, QuadDraw draw, QuadForm form) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), q = state.range(1), count = state.range(2);
  const Matrix<float> rows_x = random_matrix(context, n, kRowDim, 1);
  const Matrix<float> rows_y = random_matrix(context, n, kRowDim, 2);
  Matrix<float> d(context, n, n);
  pairwise_distance(context, rows_x, rows_y, Metric::euclidean, d.view());
  Matrix<std::int32_t> near_rows(context, n, kNear), near_cols(context, n, kNear);
  nearest(context, rows_x, rows_y, {}, near_rows.view(), {});
  nearest(context, rows_y, rows_x, {}, near_cols.view(), {});
  const Matrix<float> x = random_matrix(context, n, q, 3), y = random_matrix(context, n, q, 4);
  Matrix<float> grad_x(context, n, q), grad_y(context, n, q);
  Matrix<double> loss(context, 1, 1);
  Matrix<std::uint64_t> step(context, 1, 1);
  const QuadHingeOptions options{
      .count = count, .margin = 0.1F, .draw = draw, .form = form, .seed = 1};
  const double pairs = static_cast<double>(n) * static_cast<double>(n);
  run(state, context,
      {.bytes = 4 * (pairs + 6.0 * static_cast<double>(n * q)),
       .flops = 6 * pairs * static_cast<double>(q)},
      [&] {
        quad_hinge_loss(context, x, y, {.distances = d}, {near_rows, near_cols}, options,
                        step.flat(), loss.flat(), grad_x, grad_y);
      });
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->Args({5000, 64, 8'000'000})
      ->Args({500, 64, 8'000'000})
      ->Args({5000, 64, 400'000})
      ->ArgNames({"n", "q", "quads"})
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(quad_hinge, query, QuadDraw::query, QuadForm::automatic)->Apply(sizes);
BENCHMARK_CAPTURE(quad_hinge, query_dense, QuadDraw::query, QuadForm::dense)->Apply(sizes);
BENCHMARK_CAPTURE(quad_hinge, query_gather, QuadDraw::query, QuadForm::gather)->Apply(sizes);
BENCHMARK_CAPTURE(quad_hinge, all, QuadDraw::all, QuadForm::automatic)->Apply(sizes);
BENCHMARK_CAPTURE(quad_hinge, all_dense, QuadDraw::all, QuadForm::dense)->Apply(sizes);
BENCHMARK_CAPTURE(quad_hinge, all_gather, QuadDraw::all, QuadForm::gather)->Apply(sizes);

}  // namespace
}  // namespace clipk::bench
