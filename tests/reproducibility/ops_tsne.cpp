// The parts of t-SNE's gradient.
#include "clipk/ops/tsne_attraction.hpp"
#include "clipk/ops/tsne_repulsion.hpp"
#include "clipk/ops/tsne_update.hpp"
#include "reproducibility/golden.hpp"

namespace clipk::golden {
namespace {

constexpr std::int64_t kPoints = 1021, kNeighbours = 23;

template <class T>
void attracted(Run& run) {
  Matrix<std::int64_t> starts(1, kPoints + 1);
  for (std::int64_t i = 0; i <= kPoints; ++i) starts(0, i) = i * kNeighbours;
  const auto columns = run.inputs.below(1, kPoints * kNeighbours, kPoints);
  const auto values = run.inputs.uniform<T>(1, kPoints * kNeighbours, 0, 1e-4);
  const auto y = run.inputs.uniform<T>(kPoints, 2, -20, 20);
  Matrix<T> forces(kPoints, 2);
  double loss = 0;
  tsne_attraction(run.context, BasicTsneAffinities<T>{starts.flat(), columns.flat(), values.flat()},
                  y, y, forces, VectorView<double>(&loss, 1));
  run.add(forces, loss);
}

template <class T>
void repelled(Run& run, TsneMethod method, double extent) {
  const auto y = run.inputs.uniform<T>(kPoints, 2, -extent, extent);
  const auto others = run.inputs.uniform<T>(517, 2, -extent, extent);
  Matrix<T> forces(kPoints, 2);
  Matrix<double> z(1, 1), each(1, kPoints);
  tsne_repulsion(run.context, y, method, forces, z.flat());
  run.add(forces, z);
  tsne_repulsion(run.context, y, others, method, forces, each.flat());
  run.add(forces, each);
}

const Registered kTsneAttraction =
    both("ops/tsne_attraction/tsne_attraction",
         [](Run& run, auto zero) { attracted<decltype(zero)>(run); });

const Registered kTsneRepulsionExact =
    both("ops/tsne_repulsion/tsne_repulsion.exact",
         [](Run& run, auto zero) { repelled<decltype(zero)>(run, TsneMethod::exact, 20); });

const Registered kTsneRepulsionFftFloat =
    one("ops/tsne_repulsion/tsne_repulsion.fft.float", [](Run& run) {
      for (const double extent : {0.001, 5., 30.}) repelled<float>(run, TsneMethod::fft, extent);
    });

const Registered kTsneUpdate = both("ops/tsne_update/tsne_update", [](Run& run, auto zero) {
  using T = decltype(zero);
  const auto attraction = run.inputs.uniform<T>(kPoints, 2);
  const auto repulsion = run.inputs.uniform<T>(kPoints, 2);
  const auto z = run.inputs.uniform<double>(1, kPoints, 1, 9);
  auto y = run.inputs.uniform<T>(kPoints, 2);
  auto velocity = run.inputs.uniform<T>(kPoints, 2);
  auto gains = run.inputs.uniform<T>(kPoints, 2, 0.1, 2);
  tsne_update(run.context, {.exaggeration = 4}, attraction, repulsion, z.flat().slice(0, 1), y,
              velocity, gains);
  run.add(y, velocity, gains);
  tsne_update(run.context, {.max_step = 0.25F, .recentre = false}, attraction, repulsion, z.flat(),
              y, velocity, gains);
  run.add(y, velocity, gains);
});

}  // namespace
}  // namespace clipk::golden
