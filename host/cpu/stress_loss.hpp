#pragma once

#include "clipk/core/memory.hpp"
#include "clipk/ops/stress_loss.hpp"

namespace clipk::cpu {

/// With `within` set y is x, the distances are those of one set, and grad_y is empty.
void stress_loss(int threads, Scratch& scratch, MatrixView<const float> x,
                 MatrixView<const float> y, bool within, const TargetDistances& target,
                 const StressOptions& options, double& loss, MatrixView<float> grad_x,
                 MatrixView<float> grad_y);
void stress_loss(int threads, Scratch& scratch, MatrixView<const double> x,
                 MatrixView<const double> y, bool within,
                 const BasicTargetDistances<double>& target, const StressOptions& options,
                 double& loss, MatrixView<double> grad_x, MatrixView<double> grad_y);

}  // namespace clipk::cpu
