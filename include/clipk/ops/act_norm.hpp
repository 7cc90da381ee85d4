#pragma once

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Shift and scale of every column from a first batch, so that act_norm gives it mean 0 and
/// standard deviation 1: shift = -mean, log_scale = -log(standard deviation + 1e-6), the deviation
/// with divisor n - 1. A column with one value throughout (every column of a single row) keeps
/// log_scale 0. Computed in float64 in two passes, so that columns of large mean and small
/// deviation lose no digits beyond those of their float32 values.
///
/// @param x [n, d], n at least 1  @param[out] shift [d]  @param[out] log_scale [d]. For a column
///   with a value that is not finite, one of the two is not finite either
/// @throws Error if a shape or a device differs. Deterministic: yes. Scratch: none.
/// Source: Kingma and Dhariwal, NeurIPS 2018.
void act_norm_init(Context& context, MatrixView<const float> x, VectorView<float> shift,
                   VectorView<float> log_scale);
void act_norm_init(Context& context, MatrixView<const double> x, VectorView<double> shift,
                   VectorView<double> log_scale);

/// y_ij = (x_ij + shift_j) e^(log_scale_j). The log-determinant of every row is the
/// sum of log_scale.
///
/// @param x [n, d]  @param shift [d]  @param log_scale [d]
/// @param[out] y [n, d], may be x  @param[in,out] log_det [n]: the log-determinant is added;
///   may be empty
/// @throws Error if a shape or a device differs. Deterministic: yes. Scratch: d values.
void act_norm(Context& context, MatrixView<const float> x, VectorView<const float> shift,
              VectorView<const float> log_scale, MatrixView<float> y, VectorView<float> log_det);
void act_norm(Context& context, MatrixView<const double> x, VectorView<const double> shift,
              VectorView<const double> log_scale, MatrixView<double> y, VectorView<double> log_det);

/// The inverse: x_ij = y_ij e^(-log_scale_j) - shift_j; x may be y. Errors and scratch as above.
void act_norm_inverse(Context& context, MatrixView<const float> y, VectorView<const float> shift,
                      VectorView<const float> log_scale, MatrixView<float> x);
void act_norm_inverse(Context& context, MatrixView<const double> y, VectorView<const double> shift,
                      VectorView<const double> log_scale, MatrixView<double> x);

/// Gradients of a loss with respect to x, shift and log_scale, from the results of
/// the forward pass.
///
/// @param y [n, d]: of the forward pass  @param grad_y [n, d]
/// @param grad_log_det [n]: the gradient with respect to the log-determinants, or empty for none
/// @param[out] grad_x [n, d], may be grad_y  @param[out] grad_shift [d]
/// @param[out] grad_log_scale [d]; all overwritten. Sums over rows are float64.
/// @throws Error if a shape or a device differs. Deterministic: yes. Scratch: d values and 2 d
/// float64 for each of at most 128 runs of rows.
void act_norm_backward(Context& context, MatrixView<const float> y,
                       VectorView<const float> log_scale, MatrixView<const float> grad_y,
                       VectorView<const float> grad_log_det, MatrixView<float> grad_x,
                       VectorView<float> grad_shift, VectorView<float> grad_log_scale);
void act_norm_backward(Context& context, MatrixView<const double> y,
                       VectorView<const double> log_scale, MatrixView<const double> grad_y,
                       VectorView<const double> grad_log_det, MatrixView<double> grad_x,
                       VectorView<double> grad_shift, VectorView<double> grad_log_scale);

}  // namespace clipk
