#pragma once

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Mean and variance of every column, in float64:
///   mean_j = 1 / n * sum over i of x_ij,  variance_j = 1 / n * sum over i of (x_ij - mean_j)^2
/// The divisor is n, as in scikit-learn's StandardScaler. A column of one value has a variance of
/// exactly 0, whatever the value.
///
/// @param x [n, d] with n at least 1
/// @param[out] mean [d]  @param[out] variance [d]; may be empty
/// A column that holds a value that is not finite has a mean and a variance that are not finite.
/// @throws Error if a shape or a device does not fit. Deterministic: yes. Scratch: 2 d doubles for
/// every 1024 rows on the CPU, for at most 128 parts of the rows on CUDA.
/// Source: Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample
/// variances, 1979 (how parts are joined).
void column_moments(Context& context, MatrixView<const float> x, VectorView<double> mean,
                    VectorView<double> variance);

}  // namespace clipk
