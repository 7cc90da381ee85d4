#include "clipk/ops/soft_assignment.hpp"

#include "bench/support.hpp"
#include "clipk/core/random.hpp"
#include "clipk/ops/target_distribution.hpp"

namespace clipk::bench {
namespace {

struct Arrays {
  Matrix<float> points, centres, q, p, grad_points, grad_centres;
  Matrix<double> sums, loss;

  Arrays(Context& context, std::int64_t n, std::int64_t k, std::int64_t d)
      : points(context, n, d),
        centres(context, k, d),
        q(context, n, k),
        p(context, n, k),
        grad_points(context, n, d),
        grad_centres(context, k, d),
        sums(context, 1, k),
        loss(context, 1, 1) {
    Random random(1, RandomStream::data);
    for (Matrix<float>* matrix : {&points, &centres}) {
      Matrix<float> host(matrix->rows(), matrix->cols());
      for (float& value : host.flat()) value = static_cast<float>(random.normal());
      copy<float>(context, host, matrix->view());
    }
  }
};

SoftAssignmentOptions options_of(SoftKernel kernel) {
  return {.kernel = kernel};
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"n", "k", "d"})
      ->Args({256, 10, 10})
      ->Args({70000, 10, 10})
      ->Args({70000, 10, 512})
      ->Args({20000, 200, 10})
      ->Args({5000, 200, 2048})
      ->UseManualTime();
}

// q, and its sums over all points.
void soft_assignment(benchmark::State& state, SoftKernel kernel) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), k = state.range(1), d = state.range(2);
  Arrays a(context, n, k, d);
  run(state, context, {.bytes = 4.0 * n * (d + k), .flops = 3.0 * n * k * d}, [&] {
    clipk::soft_assignment(context, a.points, a.centres, options_of(kernel), a.q, a.sums.flat());
  });
}
BENCHMARK_CAPTURE(soft_assignment, student_t, SoftKernel::student_t)->Apply(shapes);
BENCHMARK_CAPTURE(soft_assignment, von_mises_fisher, SoftKernel::von_mises_fisher)
    ->Args({70000, 10, 512})
    ->ArgNames({"n", "k", "d"})
    ->UseManualTime();

// The loss and its gradients with a stored target: DEC's step between two updates.
void divergence(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), k = state.range(1), d = state.range(2);
  Arrays a(context, n, k, d);
  clipk::soft_assignment(context, a.points, a.centres, {}, a.q, a.sums.flat());
  target_distribution(context, a.q, a.sums.flat(), a.p);
  run(state, context, {.bytes = 4.0 * n * (3 * d + k), .flops = 11.0 * n * k * d}, [&] {
    soft_assignment_kl(context, a.points, a.centres, {}, a.p, {}, 1, a.loss.flat(), a.grad_points,
                       a.grad_centres);
  });
}
BENCHMARK(divergence)->Apply(shapes);

// Everything from the points: column sums, then target, loss and gradients. Two reads of the
// points; neither q nor p is stored.
void q_p_gradient(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0), k = state.range(1), d = state.range(2);
  Arrays a(context, n, k, d);
  run(state, context, {.bytes = 16.0 * n * d, .flops = 14.0 * n * k * d}, [&] {
    clipk::soft_assignment(context, a.points, a.centres, {}, {}, a.sums.flat());
    soft_assignment_kl(context, a.points, a.centres, {}, {}, a.sums.flat(), 1, a.loss.flat(),
                       a.grad_points, a.grad_centres);
  });
}
BENCHMARK(q_p_gradient)->Apply(shapes);

}  // namespace
}  // namespace clipk::bench
