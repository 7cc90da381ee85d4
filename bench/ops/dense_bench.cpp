#include "clipk/ops/dense.hpp"

#include "bench/support.hpp"

namespace clipk::bench {
namespace {

struct Layer {
  Context context = bench_context();
  std::int64_t n, in, out;
  Matrix<float> x, w, b, y, gy, gx, gw, gb;

  explicit Layer(const benchmark::State& state)
      : n(state.range(0)),
        in(state.range(1)),
        out(state.range(2)),
        x(context, n, in),
        w(context, out, in),
        b(context, 1, out),
        y(context, n, out),
        gy(context, n, out),
        gx(context, n, in),
        gw(context, out, in),
        gb(context, 1, out) {}
  double flops() const { return 2.0 * n * in * out; }
};

void dense_forward(benchmark::State& state) {
  Layer l(state);
  run(state, l.context, {.bytes = 4.0 * (l.n * (l.in + l.out) + l.in * l.out), .flops = l.flops()},
      [&] { dense(l.context, l.x, l.w, l.b.flat(), Activation::relu, l.y); });
}

void dense_backward(benchmark::State& state) {
  Layer l(state);
  run(state, l.context,
      {.bytes = 4.0 * (2 * l.n * (l.in + l.out) + 2 * l.in * l.out), .flops = 2 * l.flops()}, [&] {
        clipk::dense_backward(l.context, l.x, l.w, l.y, Activation::relu, l.gy, l.gx, l.gw,
                              l.gb.flat());
      });
}

void shapes(benchmark::internal::Benchmark* b) {
  b->Args({256, 512, 512})->Args({256, 512, 64})->Args({5000, 512, 512})->Args({65536, 128, 128});
  b->ArgNames({"n", "in", "out"})->UseManualTime();
}
BENCHMARK(dense_forward)->Apply(shapes);
BENCHMARK(dense_backward)->Apply(shapes);

}  // namespace
}  // namespace clipk::bench
