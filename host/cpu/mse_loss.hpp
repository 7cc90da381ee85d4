#pragma once

#include "clipk/ops/mse_loss.hpp"

namespace clipk::cpu {

/// Rows whose squares are added before the blocks are.
inline constexpr std::int64_t kMseRows = 64;

/// @param known_only targets that are NaN are left out
/// @param parts [ceil(n / kMseRows)] scratch
void mse_loss(int threads, bool known_only, MatrixView<const float> y,
              MatrixView<const float> target, float weight, VectorView<double> parts,
              VectorView<double> loss, MatrixView<float> grad);
void mse_loss(int threads, bool known_only, MatrixView<const double> y,
              MatrixView<const double> target, double weight, VectorView<double> parts,
              VectorView<double> loss, MatrixView<double> grad);

}  // namespace clipk::cpu
