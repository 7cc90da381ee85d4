#pragma once

#include "clipk/ops/sgd.hpp"

namespace clipk::cpu {

void sgd(int threads, const SgdOptions& options, VectorView<const float> rate,
         VectorView<const float> gradients, VectorView<float> parameters,
         VectorView<float> velocity);
void sgd(int threads, const SgdOptions& options, VectorView<const double> rate,
         VectorView<const double> gradients, VectorView<double> parameters,
         VectorView<double> velocity);

}  // namespace clipk::cpu
