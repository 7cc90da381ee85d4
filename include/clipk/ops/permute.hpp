#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Columns in another order: y_ij = x_i,order_j. Its log-determinant is 0, and its backward pass is
/// permute_inverse of the gradient (and the other way round).
///
/// @param x [n, d]  @param order [d]: a permutation of 0 ... d - 1 (checked on the CPU; on a GPU
///   the caller must make sure of it)  @param[out] y [n, d]; not x
/// @throws Error if a shape or a device differs, y is x, or order is no permutation.
/// Deterministic: yes. Scratch: d bytes on the CPU.
void permute(Context& context, MatrixView<const float> x, VectorView<const std::int32_t> order,
             MatrixView<float> y);
void permute(Context& context, MatrixView<const double> x, VectorView<const std::int32_t> order,
             MatrixView<double> y);

/// The inverse: x_i,order_j = y_ij. Errors and scratch as above.
void permute_inverse(Context& context, MatrixView<const float> y,
                     VectorView<const std::int32_t> order, MatrixView<float> x);
void permute_inverse(Context& context, MatrixView<const double> y,
                     VectorView<const std::int32_t> order, MatrixView<double> x);

}  // namespace clipk
