#pragma once

#include "clipk/core/context.hpp"
#include "clipk/core/target_distances.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// The weight of the error of a distance.
struct StressOptions {
  float weight = 1;  ///< factor of the loss and its gradient
  float scale = 1;   ///< s in (e_ij - s d_ij)^2
  /// Sammon's weighting w_ij = 1 / d_ij instead of 1; distances d_ij = 0 then add nothing.
  bool sammon = false;
};

/// Isometric (stress) loss of codes and its gradient in one pass:
///   L = weight / P * sum over pairs of w_ij (e_ij - scale d_ij)^2,   e_ij = |x_i - y_j|
/// over the P = n m distances between two sets of codes. The n x m matrix e is never stored.
///
/// @param x [n, q]  @param y [m, q]  @param target d_ij, n by m
/// @param[in,out] loss [1]: the loss is added to it
/// @param[in,out] grad_x [n, q]  @param[in,out] grad_y [m, q]: the gradients are added; either may
///   be empty. A distance e_ij = 0 has no gradient and contributes only to the loss.
/// @throws Error if a shape or a device differs, or under cosine a row of the target has length
///   zero (on CUDA it gives NaN). Deterministic: yes. Scratch: (n + m) (q + D) floats, of the
///   target's rows only where it is recomputed, and about 20 partial gradients of y.
/// Source: Kruskal 1964; Sammon 1969.
void stress_loss(Context& context, MatrixView<const float> x, MatrixView<const float> y,
                 const TargetDistances& target, const StressOptions& options,
                 VectorView<double> loss, MatrixView<float> grad_x, MatrixView<float> grad_y);
void stress_loss(Context& context, MatrixView<const double> x, MatrixView<const double> y,
                 const BasicTargetDistances<double>& target, const StressOptions& options,
                 VectorView<double> loss, MatrixView<double> grad_x, MatrixView<double> grad_y);

/// The same within one set: over the P = n (n - 1) ordered pairs i != j (the target is taken as
/// symmetric).  @param[in,out] grad [n, q], or empty
void stress_loss(Context& context, MatrixView<const float> x, const TargetDistances& target,
                 const StressOptions& options, VectorView<double> loss, MatrixView<float> grad);
void stress_loss(Context& context, MatrixView<const double> x,
                 const BasicTargetDistances<double>& target, const StressOptions& options,
                 VectorView<double> loss, MatrixView<double> grad);

}  // namespace clipk
