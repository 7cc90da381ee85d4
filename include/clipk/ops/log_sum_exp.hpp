#pragma once

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// out_i = log sum_j exp(scale x_i . y_j + offset_j), without storing the table: the normaliser of
/// a softmax over similarities, and half a step of Sinkhorn's scaling in logarithms.
///
/// No scale overflows: a row is summed relative to its largest term so far, tile by tile. Products
/// are float32 (on CUDA in the context's precision); exponents carry the rounding errors of scale
/// and offset in float32, and tiles are added in float64.
///
/// @param x [n, d]  @param y [m, d]  @param offset [m], or empty for none; minus infinity leaves a
///   row of y out
/// @param[out] out [n], minus infinity where nothing is summed; NaN where a product or an offset is
///   NaN, or an offset is plus infinity
/// @throws Error if a shape or a device differs, or scale is not finite.
/// Deterministic: yes. Scratch: O(n), and on the CPU 512 kB per thread.
/// Source: Milakov and Gimelshein 2018, Online normalizer calculation for softmax.
void log_sum_exp(Context& context, MatrixView<const float> x, MatrixView<const float> y,
                 double scale, VectorView<const double> offset, VectorView<double> out);
/// In double precision; CPU only.
void log_sum_exp(Context& context, MatrixView<const double> x, MatrixView<const double> y,
                 double scale, VectorView<const double> offset, VectorView<double> out);

}  // namespace clipk
