#pragma once

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Constants of gradient descent; the learning rate comes with every step.
struct SgdOptions {
  float momentum = 0.9F;   ///< decay rate of the velocity
  float weight_decay = 0;  ///< decoupled: parameters shrink by learning rate times this
};

/// One update of all parameters by stochastic gradient descent with momentum:
///   velocity = momentum velocity + g,  p = p - rate weight_decay p - rate velocity
///
/// @param rate [1] on the device: the learning rate
/// @param[in,out] parameters [n]  @param gradients [n]  @param[in,out] velocity [n]
/// @throws Error if a size or a device differs. Deterministic: yes. Scratch: none.
void sgd(Context& context, const SgdOptions& options, VectorView<const float> rate,
         VectorView<const float> gradients, VectorView<float> parameters,
         VectorView<float> velocity);
void sgd(Context& context, const SgdOptions& options, VectorView<const double> rate,
         VectorView<const double> gradients, VectorView<double> parameters,
         VectorView<double> velocity);

}  // namespace clipk
