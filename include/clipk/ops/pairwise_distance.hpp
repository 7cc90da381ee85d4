#pragma once

#include "clipk/core/context.hpp"
#include "clipk/core/metric.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Distance of every row of x to every row of y, in the units of the metric.
///
/// Computed as |x|^2 - 2 x.y + |y|^2 by one matrix product. Where two rows are so close that this
/// form cancels, their distance is computed again from the difference of the rows. If x and y are
/// the same memory, the diagonal is exactly zero and the result exactly symmetric.
///
/// @param x [n, d]  @param y [m, d]  @param[out] out [n, m]
/// @throws Error if a shape or a device differs, or under cosine if a row of x or y has length zero
///   (checked on the CPU; on CUDA such a row gives NaN, since a check would have to wait for it).
/// Deterministic: yes. Scratch: n + m floats.
void pairwise_distance(Context& context, MatrixView<const float> x, MatrixView<const float> y,
                       Metric metric, MatrixView<float> out);

/// In double precision; CPU only.
void pairwise_distance(Context& context, MatrixView<const double> x, MatrixView<const double> y,
                       Metric metric, MatrixView<double> out);

/// The same for every matrix of a batch.  @param x [b, n, d]  @param y [b, m, d]
/// @param[out] out [b, n, m]
void pairwise_distance(Context& context, BatchView<const float> x, BatchView<const float> y,
                       Metric metric, BatchView<float> out);

/// Gradients of a loss with respect to x and y, given its gradient with respect to the distances.
/// At distance zero the Euclidean metric has no gradient, and such a distance contributes nothing.
/// The gradients of near rows are computed from their difference, as in the forward pass.
///
/// @param grad_out [n, m]
/// @param[out] grad_x [n, d]  @param[out] grad_y [m, d]; either may be empty, and is then not
///   computed. Overwritten, not added to. x and y may be the same memory; the two gradients are
///   then those of the two arguments, and the caller adds them.
/// @throws Error as the forward pass. Deterministic: yes. Scratch: 1.1 n m + 2 (n + m) floats for
///   every matrix of the batch.
void pairwise_distance_backward(Context& context, MatrixView<const float> x,
                                MatrixView<const float> y, Metric metric,
                                MatrixView<const float> grad_out, MatrixView<float> grad_x,
                                MatrixView<float> grad_y);
void pairwise_distance_backward(Context& context, MatrixView<const double> x,
                                MatrixView<const double> y, Metric metric,
                                MatrixView<const double> grad_out, MatrixView<double> grad_x,
                                MatrixView<double> grad_y);
/// The same for every matrix of a batch.
void pairwise_distance_backward(Context& context, BatchView<const float> x,
                                BatchView<const float> y, Metric metric,
                                BatchView<const float> grad_out, BatchView<float> grad_x,
                                BatchView<float> grad_y);

}  // namespace clipk
