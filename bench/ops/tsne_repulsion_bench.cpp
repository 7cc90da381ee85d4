#include "clipk/ops/tsne_repulsion.hpp"

#include "bench/support.hpp"
#include "bench/tsne_map.hpp"

namespace clipk::bench {
namespace {

void repulsion(benchmark::State& state, TsneMethod method) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  const Matrix<float> y = tsne_map(n).to_device(context);
  Matrix<float> forces(context, n, 2);
  Matrix<double> z(context, 1, 1);
  run(state, context,
      {.bytes = tsne_bytes(n, false),
       .flops = method == TsneMethod::exact ? 11.0 * static_cast<double>(n) * static_cast<double>(n)
                                            : 0},
      [&] { tsne_repulsion(context, y, method, forces, z.flat()); });
}
void exact(benchmark::State& state) {
  repulsion(state, TsneMethod::exact);
}
void fft(benchmark::State& state) {
  repulsion(state, TsneMethod::fft);
}

void shape(benchmark::internal::Benchmark* bench) {
  bench->UseManualTime()->Unit(benchmark::kMillisecond)->ArgName("n");
}
BENCHMARK(exact)->Name("tsne_repulsion/exact")->Arg(1000)->Arg(2500)->Arg(10'000)->Apply(shape);
BENCHMARK(fft)
    ->Name("tsne_repulsion/fft")
    ->Arg(1000)
    ->Arg(2500)
    ->Arg(10'000)
    ->Arg(70'000)
    ->Apply(shape);

}  // namespace
}  // namespace clipk::bench
