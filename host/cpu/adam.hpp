#pragma once

#include "clipk/ops/adam.hpp"

namespace clipk::cpu {

void adam(int threads, const AdamOptions& options, VectorView<const float> rates,
          VectorView<const float> gradients, VectorView<float> parameters, VectorView<float> m,
          VectorView<float> v);
void adam(int threads, const AdamOptions& options, VectorView<const double> rates,
          VectorView<const double> gradients, VectorView<double> parameters, VectorView<double> m,
          VectorView<double> v);

}  // namespace clipk::cpu
