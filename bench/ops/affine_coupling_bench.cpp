#include "clipk/ops/affine_coupling.hpp"

#include "bench/support.hpp"
#include "clipk/core/random.hpp"

namespace clipk::bench {
namespace {

Matrix<float> normals(Context& context, std::int64_t n, std::int64_t k, std::uint64_t seed) {
  Random random(seed, RandomStream::data);
  Matrix<float> values(n, k);
  for (float& value : values.flat()) value = static_cast<float>(random.normal());
  return values.to_device(context);
}

// `columns` of the rows' `width` are transformed, the others are copied.
struct Layer {
  std::int64_t n, width, columns;
  Context context = bench_context();
  Matrix<float> x = normals(context, n, width, 1), a = normals(context, n, columns, 2),
                t = normals(context, n, columns, 3), grad = normals(context, n, width, 4),
                y{context, n, width}, grad_x{context, n, width}, grad_a{context, n, columns},
                grad_t{context, n, columns}, log_det{context, 1, n}, grad_log_det{context, 1, n};

  explicit Layer(const benchmark::State& state)
      : n(state.range(0)), width(state.range(1)), columns(state.range(2)) {}

  MatrixView<float> part(Matrix<float>& m) const { return m.view().col_range(0, columns); }
  double size() const { return static_cast<double>(n * columns); }
  void forward() { affine_coupling(context, part(x), a, t, {}, part(y), log_det.flat()); }
  void backward() {
    affine_coupling_backward(context, part(y), a, t, {}, part(grad), grad_log_det.flat(),
                             part(grad_x), grad_a, grad_t);
  }
};

void coupling_forward(benchmark::State& state) {
  Layer layer(state);
  run(state, layer.context, {.bytes = 16 * layer.size(), .flops = 40 * layer.size()},
      [&] { layer.forward(); });
}
void coupling_backward(benchmark::State& state) {
  Layer layer(state);
  run(state, layer.context, {.bytes = 28 * layer.size(), .flops = 45 * layer.size()},
      [&] { layer.backward(); });
}
void coupling(benchmark::State& state) {
  Layer layer(state);
  run(state, layer.context, {.bytes = 44 * layer.size(), .flops = 85 * layer.size()}, [&] {
    layer.forward();
    layer.backward();
  });
}
void coupling_inverse(benchmark::State& state) {
  Layer layer(state);
  run(state, layer.context, {.bytes = 16 * layer.size(), .flops = 40 * layer.size()}, [&] {
    affine_coupling_inverse(layer.context, layer.part(layer.x), layer.a, layer.t, {},
                            layer.part(layer.y));
  });
}

void shapes(benchmark::internal::Benchmark* bench) {
  bench->Args({25, 64, 32})->Args({256, 64, 32})->Args({65536, 256, 128})->Args({65536, 256, 256});
  bench->ArgNames({"n", "d", "transformed"})->UseManualTime();
}
BENCHMARK(coupling)->Apply(shapes);
BENCHMARK(coupling_forward)->Apply(shapes);
BENCHMARK(coupling_backward)->Apply(shapes);
BENCHMARK(coupling_inverse)->Apply(shapes);

}  // namespace
}  // namespace clipk::bench
