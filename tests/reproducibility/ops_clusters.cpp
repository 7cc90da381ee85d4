// What clusterings are made of.
#include "clipk/ops/kmeans_step.hpp"
#include "clipk/ops/soft_assignment.hpp"
#include "clipk/ops/target_distribution.hpp"
#include "reproducibility/golden.hpp"

namespace clipk::golden {
namespace {

struct Shape {
  std::int64_t n, k, d;
};
// Points narrower and wider than a row of centres, and many clusters.
constexpr Shape kShapes[] = {{517, 10, 10}, {517, 33, 70}, {100, 3, 300}, {70, 200, 2}};

struct Kernel {
  const char* name;
  SoftAssignmentOptions options;
};
constexpr Kernel kKernels[] = {
    {"student_t", {.kernel = SoftKernel::student_t}},
    {"student_t_wide", {.kernel = SoftKernel::student_t, .alpha = 2.5F}},
    {"von_mises_fisher", {.kernel = SoftKernel::von_mises_fisher, .kappa = 9}}};

template <class T>
void assigned(Run& run, const SoftAssignmentOptions& options) {
  for (const Shape& s : kShapes) {
    const auto points = run.inputs.directions<T>(s.n, s.d);
    const auto centres = run.inputs.directions<T>(s.k, s.d);
    Matrix<T> q(s.n, s.k);
    Matrix<double> sums(1, s.k);
    soft_assignment(run.context, points, centres, options, q, sums.flat());
    run.add(q, sums);
  }
}

template <class T>
void divergence(Run& run, const SoftAssignmentOptions& options, bool target) {
  for (const Shape& s : kShapes) {
    const auto points = run.inputs.directions<T>(s.n, s.d);
    const auto centres = run.inputs.directions<T>(s.k, s.d);
    const auto sums = run.inputs.uniform<double>(1, s.k, 1, 20);
    const auto p = run.inputs.uniform<T>(s.n, s.k, 0, 1 / static_cast<double>(s.k));
    auto grad_points = run.inputs.uniform<T>(s.n, s.d);
    auto grad_centres = run.inputs.uniform<T>(s.k, s.d);
    double loss = 0.25;
    soft_assignment_kl(run.context, points, centres, options,
                       target ? p.view() : MatrixView<const T>(), sums.flat(), 0.7F,
                       VectorView<double>(&loss, 1), grad_points, grad_centres);
    run.add(loss, grad_points, grad_centres);
  }
}

Registered soft_cases() {
  for (const Kernel& kernel : kKernels) {
    const std::string header = "ops/soft_assignment/", name = kernel.name;
    const SoftAssignmentOptions options = kernel.options;
    both(header + "soft_assignment." + name,
         [options](Run& run, auto zero) { assigned<decltype(zero)>(run, options); });
    both(header + "soft_assignment_kl." + name,
         [options](Run& run, auto zero) { divergence<decltype(zero)>(run, options, false); });
    both(header + "soft_assignment_kl." + name + "_target",
         [options](Run& run, auto zero) { divergence<decltype(zero)>(run, options, true); });
  }
  return {};
}

const Registered kSoftAssignment = soft_cases();

const Registered kTargetDistribution =
    both("ops/target_distribution/target_distribution", [](Run& run, auto zero) {
      using T = decltype(zero);
      for (const Shape& s : kShapes) {
        const auto q = run.inputs.uniform<T>(s.n, s.k, 0, 1);
        const auto sums = run.inputs.uniform<double>(1, s.k, 1, 20);
        Matrix<T> p(s.n, s.k);
        target_distribution(run.context, q, sums.flat(), p);
        run.add(p);
      }
    });

const Registered kTargetDistributionBalancedTarget =
    both("ops/target_distribution/balanced_target", [](Run& run, auto zero) {
      using T = decltype(zero);
      for (const float power : {2.F, 1.7F}) {
        const auto q = run.inputs.uniform<T>(517, 33, 0.01, 1);
        Matrix<T> p(517, 33);
        Matrix<double> sums(1, 33);
        balanced_target(run.context, q, {.power = power, .iterations = 7}, p, sums.flat());
        run.add(p, sums);
      }
    });

// Two steps of r restarts, the second with bounds and centres that moved a little.
void kmeans_steps(Run& run) {
  constexpr std::int64_t kRestarts = 3, kPoints = 3001, kCentres = 17, kDim = 37;
  const auto points = run.inputs.clustered(kPoints, kDim, kCentres);
  auto centres = run.inputs.uniform(kRestarts * kCentres, kDim);
  Matrix<std::int32_t> labels(kRestarts, kPoints);
  for (std::int32_t& label : labels.flat()) label = -1;
  Matrix<double> sums(kRestarts * kCentres, kDim), moves(kRestarts, kCentres);
  Matrix<std::int64_t> counts(kRestarts, kCentres), changed(1, kRestarts);
  Matrix<float> upper(kRestarts, kPoints), lower(kRestarts, kPoints);
  const KMeansState state{BatchView<const float>(centres.data(), kRestarts, kCentres, kDim), labels,
                          BatchView<double>(sums.data(), kRestarts, kCentres, kDim), counts,
                          changed.flat()};
  const KMeansBounds bounds{upper, lower, moves};
  kmeans_step(run.context, points, state, bounds);
  run.add(labels, sums, counts, changed);
  for (float& value : centres.flat()) value += 0x1p-8F;
  for (double& move : moves.flat()) move = 0.03;  // above sqrt(37) / 256
  kmeans_step(run.context, points, state, bounds);
  run.add(labels, sums, counts, changed);
}

const Registered kKMeansStepFloat = one("ops/kmeans_step/kmeans_step.float", kmeans_steps);

const Registered kKMeansStepKmeansInertiaFloat =
    one("ops/kmeans_step/kmeans_inertia.float", [](Run& run) {
      constexpr std::int64_t kRestarts = 3, kPoints = 3001, kCentres = 17, kDim = 37;
      const auto points = run.inputs.clustered(kPoints, kDim, kCentres);
      const auto centres = run.inputs.uniform(kRestarts * kCentres, kDim);
      const auto labels = run.inputs.below(kRestarts, kPoints, kCentres);
      Matrix<double> squared(kRestarts, kPoints), inertia(1, kRestarts);
      kmeans_inertia(run.context, points,
                     BatchView<const float>(centres.data(), kRestarts, kCentres, kDim), labels,
                     squared, inertia.flat());
      run.add(squared, inertia);
    });

}  // namespace
}  // namespace clipk::golden
