// One step of an MLP 512-512-64 at batch 256: forward, mean squared error, backward, Adam.

#include "bench/support.hpp"
#include "clipk/core/random.hpp"
#include "clipk/ops/adam.hpp"
#include "clipk/ops/mse_loss.hpp"
#include "clipk/train/mlp.hpp"

namespace clipk::bench {
namespace {

constexpr std::int64_t kRows = 256, kIn = 512, kHidden = 512, kOut = 64;
// Forward, and the gradients of both weights and of the hidden layer.
constexpr double kFlops = 2.0 * kRows * (2.0 * kIn * kHidden + 3.0 * kHidden * kOut);

void training_step(benchmark::State& state) {
  Context context = bench_context();
  Mlp mlp(context, {.widths = {kIn, kHidden, kOut}});
  Mlp::Workspace workspace(context, mlp, kRows);
  Matrix<float> x(context, kRows, kIn), target(context, kRows, kOut), y(context, kRows, kOut),
      grad(context, kRows, kOut);
  const std::int64_t p = mlp.parameters().size;
  Matrix<float> m(context, 1, p), v(context, 1, p), rates(context, 1, 3);
  Matrix<double> loss(context, 1, 1);
  const float values[] = {1e-3F, 0.5F, 0.5F};
  copy<float>(context, VectorView<const float>(values, 3), rates.flat());
  Random random(1, RandomStream::data);
  for (Matrix<float>* matrix : {&x, &target}) {
    Matrix<float> host(matrix->rows(), matrix->cols());
    for (float& value : host.flat()) value = static_cast<float>(random.normal());
    copy<float>(context, host, matrix->view());
  }
  run(state, context, {.bytes = 28.0 * static_cast<double>(p), .flops = kFlops}, [&] {
    mlp.forward(context, x, workspace, y);
    fill_zero(context, grad.view());
    mse_loss(context, y, target, 1, loss.flat(), grad);
    mlp.backward(context, x, workspace, grad);
    adam(context, {}, rates.flat(), mlp.gradients(), mlp.parameters(), m.flat(), v.flat());
  });
}
BENCHMARK(training_step)->UseManualTime();

// The step's products alone: five layers without bias, activation or update.
void gemms_of_the_step(benchmark::State& state) {
  Context context = bench_context();
  Matrix<float> x(context, kRows, kIn), h(context, kRows, kHidden), y(context, kRows, kOut),
      w1(context, kHidden, kIn), w2(context, kOut, kHidden), g1(context, kHidden, kIn),
      g2(context, kOut, kHidden), gh(context, kRows, kHidden);
  const VectorView<float> none;
  run(state, context, {.flops = kFlops}, [&] {
    dense(context, x, w1, none, Activation::identity, h);
    dense(context, h, w2, none, Activation::identity, y);
    dense_backward(context, h, w2, y, Activation::identity, y, gh, g2, none);
    dense_backward(context, x, w1, h, Activation::identity, h, {}, g1, none);
  });
}
BENCHMARK(gemms_of_the_step)->UseManualTime();

}  // namespace
}  // namespace clipk::bench
