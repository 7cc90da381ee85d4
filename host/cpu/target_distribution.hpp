#pragma once

#include "clipk/core/memory.hpp"
#include "clipk/ops/target_distribution.hpp"

namespace clipk::cpu {

void target_distribution(int threads, Scratch& scratch, MatrixView<const float> q,
                         VectorView<const double> column_sums, MatrixView<float> p);
void target_distribution(int threads, Scratch& scratch, MatrixView<const double> q,
                         VectorView<const double> column_sums, MatrixView<double> p);

void balanced_target(int threads, Scratch& scratch, MatrixView<const float> q,
                     const BalancedTargetOptions& options, MatrixView<float> p,
                     VectorView<double> column_sums);
void balanced_target(int threads, Scratch& scratch, MatrixView<const double> q,
                     const BalancedTargetOptions& options, MatrixView<double> p,
                     VectorView<double> column_sums);

}  // namespace clipk::cpu
