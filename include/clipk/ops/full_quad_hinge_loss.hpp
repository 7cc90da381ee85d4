#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"
#include "clipk/ops/quad_order.hpp"

namespace clipk {

/// The margin of a loss over all quadruples, and its weight.
struct FullQuadHingeOptions {
  float margin = 0;  ///< by which the smaller distance has to be smaller
  float weight = 1;  ///< factor of the loss and its gradient
};

/// Isotonic (quadruple hinge) loss of codes over all quadruples of an order, none drawn, and its
/// gradient in one pass:
///   L = weight / order.count * sum over quadruples with d_ij < d_kl of
///       max(0, margin + e_ij - e_kl),   e_ij = |x_i - y_j|.
/// It is what quad_hinge_loss estimates, except that its draws count those with d_ij = d_kl as
/// zero, and here they are not counted. With a_ij the number of active quadruples (those above
/// zero) whose smaller distance is (i, j), less those whose larger one it is,
///   L = weight / order.count * (margin * (active quadruples) + sum_ij a_ij e_ij),
/// and all a_ij are counted by sorting e: O(M log M) for a group of M distances, or O(near * M) if
/// that is less. A quadruple is active if e_kl < margin + e_ij, the sum rounded. A distance e = 0
/// has no gradient and contributes only to the loss. If no two distances differ nothing is added.
///
/// @param x [n, q]  @param y [m, q]
/// @param order of the target distances, by quad_order; on the context's device
/// @param[in,out] loss [1]: the loss is added to it
/// @param[in,out] grad_x [n, q]  @param[in,out] grad_y [m, q]: the gradients are added; either may
///   be empty
/// @throws Error if a shape or a device differs, the order is within one set, or the margin is not
///   finite.
/// Deterministic: yes (integer counts, fixed reduction trees). Scratch: an n x m matrix of T and
/// one of 32-bit integers; beside these 24 bytes (40 in double) a distance of the groups in work on
/// the CPU, and on CUDA up to 64 bytes for each of up to 4 M distances, or of the whole block for a
/// draw of all. Source: as quad_hinge_loss; the counts as those of Kendall's tau (Knight, JASA 61,
/// 1966).
void full_quad_hinge_loss(Context& context, MatrixView<const float> x, MatrixView<const float> y,
                          const QuadOrder& order, const FullQuadHingeOptions& options,
                          VectorView<double> loss, MatrixView<float> grad_x,
                          MatrixView<float> grad_y);
void full_quad_hinge_loss(Context& context, MatrixView<const double> x, MatrixView<const double> y,
                          const QuadOrder& order, const FullQuadHingeOptions& options,
                          VectorView<double> loss, MatrixView<double> grad_x,
                          MatrixView<double> grad_y);

/// The same within one set.
void full_quad_hinge_loss(Context& context, MatrixView<const float> x, const QuadOrder& order,
                          const FullQuadHingeOptions& options, VectorView<double> loss,
                          MatrixView<float> grad);
void full_quad_hinge_loss(Context& context, MatrixView<const double> x, const QuadOrder& order,
                          const FullQuadHingeOptions& options, VectorView<double> loss,
                          MatrixView<double> grad);

}  // namespace clipk
