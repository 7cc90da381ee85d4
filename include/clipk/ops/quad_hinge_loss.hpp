#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/target_distances.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Where the two distances (i, j) and (k, l) of a quadruple come from.
enum class QuadDraw : std::uint8_t {
  query,  ///< within one query (i = k, or j = l): one to a near neighbour, the other to any row
  all,    ///< both drawn uniformly from the block
};

/// How the loss is computed; the results agree to rounding.
enum class QuadForm : std::uint8_t {
  automatic,  ///< the form that is cheaper for the sizes and the count; gather where n x m is large
  dense,      ///< distances by a matrix product, gradients by two more
  gather,     ///< reads the four rows of every quadruple
};

/// Which quadruples are drawn, and their weight.
struct QuadHingeOptions {
  std::int64_t count = 0;               ///< quadruples to draw
  float margin = 0;                     ///< by which the smaller distance has to be smaller
  float weight = 1;                     ///< factor of the loss and its gradient
  QuadDraw draw = QuadDraw::query;      ///< where they come from
  QuadForm form = QuadForm::automatic;  ///< how the loss is computed
  std::uint64_t seed = 0;               ///< of the draw, together with the step
};

/// The neighbours that a draw by query needs beside the distances: for every row its nearest
/// columns, for every column its nearest rows (operation `nearest` on the high-dimensional
/// rows). Within one set the second is empty, and no row is in its own list. A uniform draw
/// does not use them.
struct QuadNeighbors {
  MatrixView<const std::int32_t> of_rows;  ///< [n, near]
  MatrixView<const std::int32_t> of_cols;  ///< [m, near]
};

/// Isotonic (quadruple hinge) loss of codes and its gradient in one pass:
///   L = weight / count * sum over quadruples of max(0, margin + e_ij - e_kl)   for d_ij < d_kl,
/// with e_ij = |x_i - y_j|. Quadruples are drawn on the device from Philox by (seed, step) and
/// never stored (to replay them: quad_draw.hpp, a private header of the sources, has the rule);
/// those with d_ij = d_kl count as zero. In a draw by query, quadruple r belongs to query
/// r mod (n + m) (rows first, then columns; within one set r mod n). A distance e = 0 has no
/// gradient and contributes only to the loss. Target rows of length zero under cosine are an error
/// on the CPU, and add nothing on CUDA.
///
/// @param x [n, q]  @param y [m, q]  @param target d_ij, n by m
/// @param step [1]: the step of the draw, on the device, so that a captured graph can advance it
/// @param[in,out] loss [1]: the loss is added to it
/// @param[in,out] grad_x [n, q]  @param[in,out] grad_y [m, q]: the gradients are added; either may
///   be empty
/// @throws Error if a shape or a device differs, the block has fewer than two distances, or
///   count < 1; on the CPU also if a neighbour is out of range, on CUDA if lists have more than 128
///   columns (an index out of range is undefined there: a check would have to wait for the device).
/// Deterministic: yes (integer coefficients, fixed reduction trees). Scratch: dense 8 n m bytes,
/// 12 where d is computed from rows; gather up to 16 gradients of T on the CPU, one of 64-bit
/// integers on CUDA.
void quad_hinge_loss(Context& context, MatrixView<const float> x, MatrixView<const float> y,
                     const TargetDistances& target, const QuadNeighbors& neighbors,
                     const QuadHingeOptions& options, VectorView<const std::uint64_t> step,
                     VectorView<double> loss, MatrixView<float> grad_x, MatrixView<float> grad_y);
void quad_hinge_loss(Context& context, MatrixView<const double> x, MatrixView<const double> y,
                     const BasicTargetDistances<double>& target, const QuadNeighbors& neighbors,
                     const QuadHingeOptions& options, VectorView<const std::uint64_t> step,
                     VectorView<double> loss, MatrixView<double> grad_x, MatrixView<double> grad_y);

/// The same within one set: distances with i != j (the target is taken as symmetric).
void quad_hinge_loss(Context& context, MatrixView<const float> x, const TargetDistances& target,
                     const QuadNeighbors& neighbors, const QuadHingeOptions& options,
                     VectorView<const std::uint64_t> step, VectorView<double> loss,
                     MatrixView<float> grad);
void quad_hinge_loss(Context& context, MatrixView<const double> x,
                     const BasicTargetDistances<double>& target, const QuadNeighbors& neighbors,
                     const QuadHingeOptions& options, VectorView<const std::uint64_t> step,
                     VectorView<double> loss, MatrixView<double> grad);

}  // namespace clipk
