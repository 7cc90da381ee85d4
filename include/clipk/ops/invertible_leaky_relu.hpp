#pragma once

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// y = slope x where x < 0, and x elsewhere. The log-determinant of a row is the number of its
/// negative elements times log(slope).
///
/// @param x [n, d]  @param slope above 0 and finite
/// @param[out] y [n, d], may be x  @param[in,out] log_det [n]: the log-determinant is added;
///   may be empty
/// @throws Error if a shape, a device or the slope does not fit. Deterministic: yes.
/// Scratch: none.
void invertible_leaky_relu(Context& context, MatrixView<const float> x, float slope,
                           MatrixView<float> y, VectorView<float> log_det);
void invertible_leaky_relu(Context& context, MatrixView<const double> x, float slope,
                           MatrixView<double> y, VectorView<double> log_det);

/// The inverse: x = y / slope where y < 0; x may be y. Errors as above.
void invertible_leaky_relu_inverse(Context& context, MatrixView<const float> y, float slope,
                                   MatrixView<float> x);
void invertible_leaky_relu_inverse(Context& context, MatrixView<const double> y, float slope,
                                   MatrixView<double> x);

/// The gradient with respect to x: slope grad_y where y < 0, grad_y elsewhere (the kink at 0 counts
/// as positive). The log-determinant is constant between kinks and gives none.
///
/// @param y [n, d]: of the forward pass  @param grad_y [n, d]
/// @param[out] grad_x [n, d], may be grad_y; overwritten
/// @throws as above.
void invertible_leaky_relu_backward(Context& context, MatrixView<const float> y, float slope,
                                    MatrixView<const float> grad_y, MatrixView<float> grad_x);
void invertible_leaky_relu_backward(Context& context, MatrixView<const double> y, float slope,
                                    MatrixView<const double> grad_y, MatrixView<double> grad_x);

}  // namespace clipk
