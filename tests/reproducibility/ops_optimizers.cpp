// Updates of parameters.
#include "clipk/ops/adam.hpp"
#include "clipk/ops/clip_norm.hpp"
#include "clipk/ops/sgd.hpp"
#include "reproducibility/golden.hpp"

namespace clipk::golden {
namespace {

constexpr std::int64_t kParameters = 50'003;  // three tasks and a part of a vector

const Registered kAdam = both("ops/adam/adam", [](Run& run, auto zero) {
  using T = decltype(zero);
  const T rates[] = {static_cast<T>(0.01), static_cast<T>(0.19), static_cast<T>(0.002)};
  const auto gradients = run.inputs.uniform<T>(1, kParameters);
  auto parameters = run.inputs.uniform<T>(1, kParameters);
  auto m = run.inputs.uniform<T>(1, kParameters, -0.1, 0.1);
  auto v = run.inputs.uniform<T>(1, kParameters, 0, 0.01);
  adam(run.context, {.weight_decay = 0.1F}, VectorView<const T>(rates, 3), gradients.flat(),
       parameters.flat(), m.flat(), v.flat());
  run.add(parameters, m, v);
});

const Registered kSgd = both("ops/sgd/sgd", [](Run& run, auto zero) {
  using T = decltype(zero);
  const T rate = static_cast<T>(0.01);
  const auto gradients = run.inputs.uniform<T>(1, kParameters);
  auto parameters = run.inputs.uniform<T>(1, kParameters);
  auto velocity = run.inputs.uniform<T>(1, kParameters);
  sgd(run.context, {.weight_decay = 0.1F}, VectorView<const T>(&rate, 1), gradients.flat(),
      parameters.flat(), velocity.flat());
  run.add(parameters, velocity);
});

const Registered kClipNorm = both("ops/clip_norm/clip_norm", [](Run& run, auto zero) {
  using T = decltype(zero);
  auto gradients = run.inputs.uniform<T>(1, kParameters);
  clip_norm(run.context, static_cast<T>(5), gradients.flat());
  run.add(gradients);
});

}  // namespace
}  // namespace clipk::golden
