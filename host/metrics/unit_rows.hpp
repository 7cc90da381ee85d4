#pragma once

#include "clipk/core/matrix.hpp"

namespace clipk {

/// @throws Error that begins with `name` if a row of a host matrix is not finite or has length
/// zero.
void check_nonzero_rows(MatrixView<const float> rows, const char* name);

/// Host rows divided by their length (float64), after that check.
Matrix<float> unit_rows(int threads, MatrixView<const float> rows, const char* name);

}  // namespace clipk
