#pragma once

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Constants of Adam; the learning rate comes with every step.
struct AdamOptions {
  float beta1 = 0.9F;      ///< decay rate of the mean of the gradients
  float beta2 = 0.999F;    ///< decay rate of the mean of their squares
  float epsilon = 1e-8F;   ///< keeps the step finite where gradients vanish
  float weight_decay = 0;  ///< decoupled (AdamW): parameters shrink by learning rate times this
};

/// One update of all parameters:
///   m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2
///   p = p - rate weight_decay p - rate (m / bias1) / (sqrt(v / bias2) + epsilon)
///
/// @param rates [3] on the device: learning rate, bias1 = 1 - beta1^t, bias2 = 1 - beta2^t. They
///   are in device memory, so that a captured graph can be replayed with new ones.
/// @param[in,out] parameters [n]  @param gradients [n]  @param[in,out] m [n]  @param[in,out] v [n]
/// @throws Error if a size or a device differs. Deterministic: yes. Scratch: none.
/// Source: Kingma and Ba, ICLR 2015; Loshchilov and Hutter, ICLR 2019.
void adam(Context& context, const AdamOptions& options, VectorView<const float> rates,
          VectorView<const float> gradients, VectorView<float> parameters, VectorView<float> m,
          VectorView<float> v);
void adam(Context& context, const AdamOptions& options, VectorView<const double> rates,
          VectorView<const double> gradients, VectorView<double> parameters, VectorView<double> m,
          VectorView<double> v);

}  // namespace clipk
