#include "clipk/ops/act_norm.hpp"

#include "bench/support.hpp"

namespace clipk::bench {
namespace {

struct Layer {
  std::int64_t n, d;
  Context context = bench_context();
  Matrix<float> x{context, n, d}, y{context, n, d}, grad{context, n, d}, grad_x{context, n, d},
      shift{context, 1, d}, log_scale{context, 1, d}, grad_shift{context, 1, d},
      grad_log_scale{context, 1, d}, log_det{context, 1, n}, grad_log_det{context, 1, n};

  explicit Layer(const benchmark::State& state) : n(state.range(0)), d(state.range(1)) {}

  double size() const { return static_cast<double>(n * d); }
  void forward() { act_norm(context, x, shift.flat(), log_scale.flat(), y, log_det.flat()); }
  void backward() {
    act_norm_backward(context, y, log_scale.flat(), grad, grad_log_det.flat(), grad_x,
                      grad_shift.flat(), grad_log_scale.flat());
  }
};

void act_norm_forward(benchmark::State& state) {
  Layer layer(state);
  run(state, layer.context, {.bytes = 8 * layer.size(), .flops = 2 * layer.size()},
      [&] { layer.forward(); });
}
void act_norm_both(benchmark::State& state) {
  Layer layer(state);
  run(state, layer.context, {.bytes = 20 * layer.size(), .flops = 6 * layer.size()}, [&] {
    layer.forward();
    layer.backward();
  });
}
void initial_values(benchmark::State& state) {
  Layer layer(state);
  run(state, layer.context, {.bytes = 8 * layer.size(), .flops = 4 * layer.size()},
      [&] { act_norm_init(layer.context, layer.x, layer.shift.flat(), layer.log_scale.flat()); });
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->Args({25, 64})->Args({256, 64})->Args({65536, 256});
  bench->ArgNames({"n", "d"})->UseManualTime();
}
BENCHMARK(act_norm_forward)->Apply(shapes);
BENCHMARK(act_norm_both)->Apply(shapes);
BENCHMARK(initial_values)->Apply(shapes);

}  // namespace
}  // namespace clipk::bench
