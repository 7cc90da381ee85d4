#include "clipk/ops/full_quad_hinge_loss.hpp"

#include "bench/support.hpp"
#include "clipk/core/random.hpp"
#include "clipk/ops/nearest.hpp"
#include "clipk/ops/pairwise_distance.hpp"

namespace clipk::bench {
namespace {

constexpr std::int64_t kRowDim = 64;

Matrix<float> random_matrix(Context& context, std::int64_t rows, std::int64_t cols,
                            std::uint64_t seed) {
  Random random(seed, RandomStream::data);
  Matrix<float> host(rows, cols);
  for (float& value : host.flat()) value = static_cast<float>(random.normal());
  return host.to_device(context);
}

// What a step needs: two sets of n codes with their targets and gradients.
struct Step {
  Step(Context& context, std::int64_t n, std::int64_t q)
      : rows_x(random_matrix(context, n, kRowDim, 1)),
        rows_y(random_matrix(context, n, kRowDim, 2)),
        d(context, n, n),
        x(random_matrix(context, n, q, 3)),
        y(random_matrix(context, n, q, 4)),
        grad_x(context, n, q),
        grad_y(context, n, q),
        loss(context, 1, 1) {
    pairwise_distance(context, rows_x, rows_y, Metric::euclidean, d.view());
  }

  // The floor is that of the dense form of quad_hinge_loss: three products, and one read of the
  // target.
  Work work() const {
    const double pairs = static_cast<double>(d.rows()) * static_cast<double>(d.cols());
    return {.bytes = 4 * (pairs + 6.0 * static_cast<double>(x.rows() * x.cols())),
            .flops = 6 * pairs * static_cast<double>(x.cols())};
  }

  Matrix<float> rows_x, rows_y, d, x, y, grad_x, grad_y;
  Matrix<double> loss;
};

// One step over all quadruples, their order made before.
void full(benchmark::State& state, QuadDraw draw) {
  Context context = bench_context();
  Step s(context, state.range(0), state.range(1));
  const QuadOrder order =
      quad_order(context, {.distances = s.d}, {.draw = draw, .near = state.range(2)});
  state.counters["quads"] = static_cast<double>(order.count);
  run(state, context, s.work(), [&] {
    full_quad_hinge_loss(context, s.x, s.y, order, {.margin = 0.1F}, s.loss.flat(), s.grad_x,
                         s.grad_y);
  });
}

// Beside it the same step on quadruples that are drawn.
void drawn(benchmark::State& state, QuadDraw draw) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), near = state.range(2);
  Step s(context, n, state.range(1));
  Matrix<std::int32_t> near_rows(context, n, near), near_cols(context, n, near);
  if (near > 0) {
    nearest(context, s.rows_x, s.rows_y, {}, near_rows.view(), {});
    nearest(context, s.rows_y, s.rows_x, {}, near_cols.view(), {});
  }
  Matrix<std::uint64_t> step(context, 1, 1);
  const QuadHingeOptions options{.count = 8'000'000, .margin = 0.1F, .draw = draw, .seed = 1};
  run(state, context, s.work(), [&] {
    quad_hinge_loss(context, s.x, s.y, {.distances = s.d}, {near_rows, near_cols}, options,
                    step.flat(), s.loss.flat(), s.grad_x, s.grad_y);
  });
}

void sizes(benchmark::internal::Benchmark* bench, std::initializer_list<std::int64_t> nears) {
  for (const std::int64_t n : {5000, 500}) {
    for (const std::int64_t near : nears) bench->Args({n, 64, near});
  }
  bench->ArgNames({"n", "q", "near"})->UseManualTime()->Unit(benchmark::kMillisecond);
}
void by_query(benchmark::internal::Benchmark* bench) {
  sizes(bench, {0, 5});
}
void by_nearest(benchmark::internal::Benchmark* bench) {
  sizes(bench, {5});
}
void of_block(benchmark::internal::Benchmark* bench) {
  sizes(bench, {0});
}
BENCHMARK_CAPTURE(full, query, QuadDraw::query)->Apply(by_query);
BENCHMARK_CAPTURE(full, all, QuadDraw::all)->Apply(of_block);
BENCHMARK_CAPTURE(drawn, query_8M, QuadDraw::query)->Apply(by_nearest);
BENCHMARK_CAPTURE(drawn, all_8M, QuadDraw::all)->Apply(of_block);

}  // namespace
}  // namespace clipk::bench
