#pragma once

#include "clipk/core/memory.hpp"
#include "clipk/ops/soft_assignment.hpp"

namespace clipk::cpu {

/// What soft_assignment and soft_assignment_kl have in common. Empty views are not wanted.
template <class T>
struct SoftCall {
  MatrixView<const T> points, centres;
  SoftAssignmentOptions options;
  MatrixView<T> q;
  VectorView<double> column_sums;
  // soft_assignment_kl alone.
  bool with_loss = false;
  MatrixView<const T> p;
  VectorView<const double> target_sums;
  double share = 0;  // weight / n
  MatrixView<T> grad_points, grad_centres;
};

/// @returns the loss, 0 without
double soft_assignment(int threads, Scratch& scratch, const SoftCall<float>& call);
double soft_assignment(int threads, Scratch& scratch, const SoftCall<double>& call);

}  // namespace clipk::cpu
