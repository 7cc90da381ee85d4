#pragma once

#include "clipk/ops/factor_pair_loss.hpp"

namespace clipk::cpu {

inline constexpr std::int64_t kPairRows = 64;  // of a task

/// @param ends [D] scratch: where the run of equal blocks that begins at a column ends
/// @param constants [F] scratch: half of log(1 - rho^2), summed over a factor's columns
/// @param parts [ceil(m / kPairRows)] scratch
void factor_pair_loss(int threads, MatrixView<const float> z, VectorView<const float> log_det,
                      MatrixView<const float> shared, VectorView<const std::int32_t> blocks,
                      VectorView<const float> rho, VectorView<std::int32_t> ends,
                      VectorView<double> constants, VectorView<double> parts,
                      VectorView<double> loss, MatrixView<float> grad_z,
                      VectorView<float> grad_log_det);
void factor_pair_loss(int threads, MatrixView<const double> z, VectorView<const double> log_det,
                      MatrixView<const double> shared, VectorView<const std::int32_t> blocks,
                      VectorView<const double> rho, VectorView<std::int32_t> ends,
                      VectorView<double> constants, VectorView<double> parts,
                      VectorView<double> loss, MatrixView<double> grad_z,
                      VectorView<double> grad_log_det);

}  // namespace clipk::cpu
