#pragma once

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Rows divided by their Euclidean length; a row of length zero stays zero.
///
/// @param x [n, d]  @param[out] y [n, d], may be x  @param[out] lengths [n], or empty
/// @throws Error if a shape or a device differs. Deterministic: yes. Scratch: none.
void normalize_rows(Context& context, MatrixView<const float> x, MatrixView<float> y,
                    VectorView<float> lengths);
void normalize_rows(Context& context, MatrixView<const double> x, MatrixView<double> y,
                    VectorView<double> lengths);

/// grad_x = (grad_y - (grad_y . y) y) / length, and zero where the length is zero.
///
/// @param y [n, d] and @param lengths [n]: results of the forward pass
/// @param grad_y [n, d]  @param[out] grad_x [n, d], may be grad_y
void normalize_rows_backward(Context& context, MatrixView<const float> y,
                             VectorView<const float> lengths, MatrixView<const float> grad_y,
                             MatrixView<float> grad_x);
void normalize_rows_backward(Context& context, MatrixView<const double> y,
                             VectorView<const double> lengths, MatrixView<const double> grad_y,
                             MatrixView<double> grad_x);

}  // namespace clipk
