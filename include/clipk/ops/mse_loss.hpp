#pragma once

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Mean squared error and its gradient in one pass:
///   L = weight / (n d) * sum of (y_ij - target_ij)^2
///
/// @param y [n, d]  @param target [n, d]
/// @param[in,out] loss [1]: the loss is added to it
/// @param[in,out] grad [n, d]: the gradient with respect to y is added; may be empty
/// @throws Error if a shape or a device differs. Deterministic: yes. Scratch: a double per 64 rows.
/// An empty y adds nothing.
void mse_loss(Context& context, MatrixView<const float> y, MatrixView<const float> target,
              float weight, VectorView<double> loss, MatrixView<float> grad);
void mse_loss(Context& context, MatrixView<const double> y, MatrixView<const double> target,
              double weight, VectorView<double> loss, MatrixView<double> grad);

/// Masked MSE: a target that is NaN is not known, and its element adds nothing to loss or gradient.
/// The mean is still over all n d elements, so the weight of a batch is proportional to the number
/// of its known values.
void masked_mse_loss(Context& context, MatrixView<const float> y, MatrixView<const float> target,
                     float weight, VectorView<double> loss, MatrixView<float> grad);
void masked_mse_loss(Context& context, MatrixView<const double> y, MatrixView<const double> target,
                     double weight, VectorView<double> loss, MatrixView<double> grad);

}  // namespace clipk
