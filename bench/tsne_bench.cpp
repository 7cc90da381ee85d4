#include "clipk/models/tsne.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "bench/support.hpp"
#include "clipk/core/random.hpp"
#include "clipk/ops/tsne_attraction.hpp"
#include "clipk/ops/tsne_update.hpp"

namespace clipk::bench {
namespace {

// A finished map: three square units a point, as 10,000 images of Fashion-MNIST have.
Matrix<float> disc(std::int64_t n) {
  Random random(1, RandomStream::data);
  Matrix<float> y(n, 2);
  const double radius = std::sqrt(3 * static_cast<double>(n) / std::numbers::pi);
  for (std::int64_t i = 0; i < n; ++i) {
    const double r = radius * std::sqrt(static_cast<double>(random.uniform()));
    const double angle = 2 * std::numbers::pi * static_cast<double>(random.uniform());
    y(i, 0) = static_cast<float>(r * std::cos(angle));
    y(i, 1) = static_cast<float>(r * std::sin(angle));
  }
  return y;
}

// 140 neighbours a point, what perplexity 30 comes to once P is symmetric.
struct Neighbors {
  static constexpr std::int64_t kMean = 140;

  Neighbors(Context& context, std::int64_t n)
      : starts(context, 1, n + 1), columns(context, 1, kMean * n), values(context, 1, kMean * n) {
    Random random(2, RandomStream::data);
    Matrix<std::int64_t> host_starts(1, n + 1);
    Matrix<std::int32_t> host_columns(1, kMean * n);
    Matrix<float> host_values(1, kMean * n);
    for (std::int64_t i = 0; i <= n; ++i) host_starts(0, i) = kMean * i;
    for (std::int64_t i = 0; i < n; ++i) {
      std::int32_t* row = host_columns.data() + kMean * i;
      for (std::int64_t e = 0; e < kMean; ++e) {
        row[e] = static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(n)));
      }
      std::sort(row, row + kMean);
    }
    for (float& value : host_values.flat()) value = 1 / static_cast<float>(kMean * n);
    starts = host_starts.to_device(context);
    columns = host_columns.to_device(context);
    values = host_values.to_device(context);
  }
  TsneAffinities p() const { return {starts.flat(), columns.flat(), values.flat()}; }

  Matrix<std::int64_t> starts;
  Matrix<std::int32_t> columns;
  Matrix<float> values;
};

// Least traffic of the points and the affinities alone: a grid is the method's own cost.
Work work_of(std::int64_t n, bool attraction, bool pairs) {
  const auto points = static_cast<double>(n);
  return {.bytes = 16 * points + (attraction ? 8.0 * Neighbors::kMean * points : 0),
          .flops = pairs ? 11 * points * points : 0};
}

void repulsion(benchmark::State& state, TsneMethod method) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  const Matrix<float> y = disc(n).to_device(context);
  Matrix<float> forces(context, n, 2);
  Matrix<double> z(context, 1, 1);
  run(state, context, work_of(n, false, method == TsneMethod::exact),
      [&] { tsne_repulsion(context, y, method, forces, z.flat()); });
}
void exact(benchmark::State& state) {
  repulsion(state, TsneMethod::exact);
}
void fft(benchmark::State& state) {
  repulsion(state, TsneMethod::fft);
}

void attraction(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  const Matrix<float> y = disc(n).to_device(context);
  const Neighbors neighbors(context, n);
  Matrix<float> forces(context, n, 2);
  run(state, context, work_of(n, true, false),
      [&] { tsne_attraction(context, neighbors.p(), y, y, forces, {}); });
}

// All of one iteration; at a rate of 0, so that the map stays what it is.
void iteration(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  Matrix<float> y = disc(n).to_device(context);
  const Neighbors neighbors(context, n);
  Matrix<float> pull(context, n, 2), push(context, n, 2), velocity(context, n, 2),
      gains(context, n, 2);
  Matrix<double> z(context, 1, 1);
  run(state, context, work_of(n, true, false), [&] {
    tsne_attraction(context, neighbors.p(), y, y, pull, {});
    tsne_repulsion(context, y, TsneMethod::fft, push, z.flat());
    tsne_update(context, {.rate = 0}, pull, push, z.flat(), y, velocity, gains);
  });
  state.counters["ns_a_point"] = state.counters["median_s"] * 1e9 / static_cast<double>(n);
}

// Neighbours, perplexities and the iterations of early exaggeration.
void fit(benchmark::State& state) {
  Context context = bench_context();
  const std::int64_t n = state.range(0);
  Random random(3, RandomStream::data);
  Matrix<float> host(n, 50);
  for (float& value : host.flat()) value = static_cast<float>(random.normal());
  const Matrix<float> rows = host.to_device(context);
  run(state, context, work_of(n, true, false),
      [&] { benchmark::DoNotOptimize(Tsne::fit(context, rows, {.iterations = state.range(1)})); });
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
BENCHMARK(attraction)->Name("tsne_attraction")->Arg(10'000)->Arg(70'000)->Apply(shape);
BENCHMARK(iteration)
    ->Name("tsne_iteration")
    ->Arg(5000)
    ->Arg(10'000)
    ->Arg(20'000)
    ->Arg(40'000)
    ->Arg(80'000)
    ->Apply(shape);
BENCHMARK(fit)
    ->Name("tsne_fit")
    ->Args({5000, 250})
    ->ArgNames({"n", "iterations"})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace clipk::bench
