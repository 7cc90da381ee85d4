// Losses and their gradients.
#include <limits>

#include "clipk/ops/cross_entropy_loss.hpp"
#include "clipk/ops/factor_pair_loss.hpp"
#include "clipk/ops/mse_loss.hpp"
#include "clipk/ops/stress_loss.hpp"
#include "reproducibility/golden.hpp"

namespace clipk::golden {
namespace {

// An operation adds its loss to the value that is there.
struct Loss {
  double value = 0.25;
  operator VectorView<double>() { return {&value, 1}; }  // NOLINT: as matrices are
};

template <class T>
void squared_errors(Run& run, bool known) {
  for (const std::int64_t d : {1, 37, 300}) {
    const auto y = run.inputs.uniform<T>(517, d);
    auto target = run.inputs.uniform<T>(517, d);
    auto grad = run.inputs.uniform<T>(517, d);
    Loss loss;
    if (known) {
      for (std::int64_t i = 0; i < 517; i += 3)
        target(i, i % d) = std::numeric_limits<T>::quiet_NaN();
      masked_mse_loss(run.context, y, target, 0.7F, loss, grad);
    } else {
      mse_loss(run.context, y, target, 0.7F, loss, grad);
    }
    run.add(loss.value, grad);
  }
}

const Registered kMseLoss = both("ops/mse_loss/mse_loss", [](Run& run, auto zero) {
  squared_errors<decltype(zero)>(run, false);
});

const Registered kMseLossKnown = both("ops/mse_loss/masked_mse_loss", [](Run& run, auto zero) {
  squared_errors<decltype(zero)>(run, true);
});

template <class T>
void cross_entropy(Run& run, Reduction reduction) {
  for (const std::int64_t k : {2, 37, 300}) {
    const auto logits = run.inputs.uniform<T>(517, k, -9, 9);
    auto labels = run.inputs.below(1, 517, static_cast<std::uint32_t>(k));
    for (std::int64_t i = 0; i < 517; i += 5) labels(0, i) = -1;
    Matrix<T> grad(517, k);
    Loss loss;
    cross_entropy_loss(run.context, logits, labels.flat(), reduction, 0.7F, loss, grad);
    run.add(loss.value, grad);
  }
}

const Registered kCrossEntropyLossMean =
    both("ops/cross_entropy_loss/cross_entropy_loss.mean",
         [](Run& run, auto zero) { cross_entropy<decltype(zero)>(run, Reduction::mean); });

const Registered kCrossEntropyLossSum =
    both("ops/cross_entropy_loss/cross_entropy_loss.sum",
         [](Run& run, auto zero) { cross_entropy<decltype(zero)>(run, Reduction::sum); });

const Registered kPairLoss = both("ops/factor_pair_loss/factor_pair_loss", [](Run& run, auto zero) {
  using T = decltype(zero);
  constexpr std::int64_t kPairs = 517, kDim = 37, kFactors = 3;
  const auto z = run.inputs.uniform<T>(2 * kPairs, kDim, -2, 2);
  const auto log_det = run.inputs.uniform<T>(1, 2 * kPairs);
  const auto shared = run.inputs.uniform<T>(kPairs, kFactors);
  auto blocks = run.inputs.below(1, kDim, kFactors + 1);
  for (std::int32_t& block : blocks.flat()) --block;
  const auto rho = run.inputs.uniform<T>(1, kFactors, 0.5, 0.99);
  Matrix<T> grad_z(2 * kPairs, kDim), grad_log_det(1, 2 * kPairs);
  Loss loss;
  factor_pair_loss(run.context, z, log_det.flat(), shared, blocks.flat(), rho.flat(), loss, grad_z,
                   grad_log_det.flat());
  run.add(loss.value, grad_z, grad_log_det);
});

// Two sets, by distances that are stored; by rows, in every metric; within one set.
template <class T>
void stress_of_two(Run& run, bool stored, Metric metric, bool sammon) {
  for (const std::int64_t q : {2, 17, 64}) {
    const auto x = run.inputs.uniform<T>(333, q), y = run.inputs.uniform<T>(257, q);
    const auto rows_x = run.inputs.uniform<T>(333, 70), rows_y = run.inputs.uniform<T>(257, 70);
    const auto distances = run.inputs.uniform<T>(333, 257, 0.1, 2);
    BasicTargetDistances<T> target;
    if (stored) {
      target.distances = distances;
    } else {
      target = {.rows_x = rows_x, .rows_y = rows_y, .metric = metric};
    }
    auto grad_x = run.inputs.uniform<T>(333, q), grad_y = run.inputs.uniform<T>(257, q);
    Loss loss;
    stress_loss(run.context, x, y, target, {.weight = 0.7F, .scale = 1.1F, .sammon = sammon}, loss,
                grad_x, grad_y);
    run.add(loss.value, grad_x, grad_y);
  }
}

template <class T>
void stress_of_one(Run& run, bool sammon) {
  for (const std::int64_t q : {2, 17}) {
    const auto x = run.inputs.uniform<T>(333, q), rows = run.inputs.uniform<T>(333, 70);
    auto grad = run.inputs.uniform<T>(333, q);
    Loss loss;
    stress_loss(run.context, x, BasicTargetDistances<T>{.rows_x = rows, .rows_y = rows},
                {.sammon = sammon}, loss, grad);
    run.add(loss.value, grad);
  }
}

const Registered kStressLossStored =
    both("ops/stress_loss/stress_loss.stored", [](Run& run, auto zero) {
      stress_of_two<decltype(zero)>(run, true, Metric::euclidean, false);
    });

const Registered kStressLossStoredSammon = both(
    "ops/stress_loss/stress_loss.stored_sammon",
    [](Run& run, auto zero) { stress_of_two<decltype(zero)>(run, true, Metric::euclidean, true); });

const Registered kStressLossRows =
    both("ops/stress_loss/stress_loss.rows", [](Run& run, auto zero) {
      stress_of_two<decltype(zero)>(run, false, Metric::euclidean, false);
    });

const Registered kStressLossRowsCosine = both(
    "ops/stress_loss/stress_loss.rows_cosine",
    [](Run& run, auto zero) { stress_of_two<decltype(zero)>(run, false, Metric::cosine, true); });

const Registered kStressLossSelf =
    both("ops/stress_loss/stress_loss.self",
         [](Run& run, auto zero) { stress_of_one<decltype(zero)>(run, false); });

const Registered kStressLossSelfSammon =
    both("ops/stress_loss/stress_loss.self_sammon",
         [](Run& run, auto zero) { stress_of_one<decltype(zero)>(run, true); });

}  // namespace
}  // namespace clipk::golden
