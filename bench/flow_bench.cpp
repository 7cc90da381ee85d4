// A flow of the size of the reference (12 blocks, networks of 3 hidden layers of 512, rows of 64
// dimensions: 26.8 million parameters): one coupling, one block, and full training steps with Adam.

#include "clipk/models/flow.hpp"

#include <cmath>

#include "bench/support.hpp"
#include "clipk/core/random.hpp"
#include "clipk/ops/adam.hpp"
#include "clipk/ops/factor_pair_loss.hpp"

namespace clipk::bench {
namespace {

constexpr std::int64_t kDim = 64, kHalf = kDim / 2, kWidth = 512;
// Multiply-adds per row in one coupling's networks.
constexpr double kCouplingWork = 2.0 * kWidth * (kHalf + 2.0 * kWidth + kHalf);

Matrix<float> normal_rows(Context& context, std::int64_t n, std::int64_t d) {
  Random random(1, RandomStream::data);
  Matrix<float> host(n, d);
  for (float& value : host.flat()) value = static_cast<float>(random.normal());
  return host.to_device(context);
}

// Forward and backward of one coupling: its networks and its operation.
void coupling(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  Mlp networks(context, {.widths = {kHalf, kWidth, kWidth, kWidth, kHalf},
                         .activation = Activation::leaky_relu,
                         .init = Init::fan_in_uniform,
                         .towers = 2});
  Mlp::Workspace workspace(context, networks, n);
  Matrix<float> x = normal_rows(context, n, kDim), y(context, n, kDim), out(context, n, kDim),
                grad = normal_rows(context, n, kDim), log_det(context, 1, n),
                grad_log_det(context, 1, n);
  const auto half = [](Matrix<float>& m, int which) {
    return m.view().col_range(which * kHalf, kHalf);
  };
  run(state, context,
      {.bytes = 12.0 * static_cast<double>(networks.parameter_count()),
       .flops = 6.0 * static_cast<double>(n) * kCouplingWork},
      [&] {
        networks.forward(context, half(x, 0), workspace, out);
        affine_coupling(context, half(x, 1), half(out, 0), half(out, 1), {}, half(y, 1),
                        log_det.flat());
        affine_coupling_backward(context, half(y, 1), half(out, 0), half(out, 1), {}, half(grad, 1),
                                 grad_log_det.flat(), half(y, 1), half(out, 0), half(out, 1));
        networks.backward(context, half(x, 0), workspace, out, half(y, 0), Gradient::added);
      });
}

// The objects that a training step needs.
struct Step {
  Context context = bench_context();
  std::int64_t n;
  Flow flow;
  Matrix<float> x, z, log_det, grad_z, grad_log_det;
  Flow::Workspace workspace;

  Step(std::int64_t rows, std::int64_t blocks)
      : n(rows),
        flow(context, kDim, {.blocks = blocks, .zero_last = false}),
        x(normal_rows(context, n, kDim)),
        z(context, n, kDim),
        log_det(context, 1, n),
        grad_z(context, n, kDim),
        grad_log_det(context, 1, n) {
    flow.initialize(context, x);
    workspace = Flow::Workspace(context, flow, n);
  }
  double parameters() { return static_cast<double>(flow.parameter_count()); }
  double flops() {
    return 12.0 * static_cast<double>(flow.options().blocks) * static_cast<double>(n) *
           kCouplingWork;
  }
  void forward() { flow.forward(context, x, workspace, z.view(), log_det.flat()); }
  void backward() { flow.backward(context, x, workspace, grad_z, grad_log_det.flat()); }
};

void block(benchmark::State& state) {
  Step step(state.range(0), 1);
  run(state, step.context, {.bytes = 12 * step.parameters(), .flops = step.flops()}, [&] {
    step.forward();
    step.backward();
  });
}

// factor_pair_loss of pairs that share one of two factors, or of rows alone, as pairs that share no
// factor (with half the weight).
void training_step(benchmark::State& state, std::int64_t rows, bool pairs) {
  Step step(rows, 12);
  Context& context = step.context;
  const std::int64_t p = step.flow.parameters().values.size, half = (rows + 1) / 2;
  Matrix<float> m(context, 1, p), v(context, 1, p), rates(context, 1, 3);
  Matrix<float> host_shared(half, 2), host_rho(1, 2);
  Matrix<std::int32_t> host_blocks(1, kDim);
  for (std::int64_t i = 0; i < half; ++i) host_shared(i, i % 2) = pairs ? 1.F : 0.F;
  for (std::int64_t j = 0; j < kDim; ++j) host_blocks(0, j) = j < 20 ? 0 : j < 40 ? 1 : -1;
  for (float& value : host_rho.flat()) value = 0.975F;
  const Matrix<float> shared = host_shared.to_device(context), rho = host_rho.to_device(context);
  const Matrix<std::int32_t> blocks = host_blocks.to_device(context);
  Matrix<double> loss(context, 1, 1);
  const float values[] = {1e-4F, 0.5F, 0.5F};
  copy<float>(context, VectorView<const float>(values, 3), rates.flat());
  // Weights are read forward and backward, and gradients written; Adam reads four arrays and
  // writes three.
  run(state, context, {.bytes = 40 * step.parameters(), .flops = step.flops()}, [&] {
    step.forward();
    factor_pair_loss(context, step.z, step.log_det.flat(), shared, blocks.flat(), rho.flat(),
                     loss.flat(), step.grad_z, step.grad_log_det.flat());
    step.backward();
    adam(context, {.beta1 = 0.5F, .beta2 = 0.9F}, rates.flat(), step.flow.parameters().gradients,
         step.flow.parameters().values, m.flat(), v.flat());
  });
}
void step_pairs(benchmark::State& state) {
  training_step(state, 2 * state.range(0), true);
}
void step_rows(benchmark::State& state) {
  training_step(state, state.range(0), false);
}

BENCHMARK(coupling)->ArgName("rows")->Arg(50)->Arg(512)->UseManualTime();
BENCHMARK(block)->ArgName("rows")->Arg(50)->Arg(512)->UseManualTime();
BENCHMARK(step_pairs)->ArgName("pairs")->Arg(25)->Arg(256)->UseManualTime();
BENCHMARK(step_rows)->ArgName("rows")->Arg(26)->Arg(256)->UseManualTime();

}  // namespace
}  // namespace clipk::bench
