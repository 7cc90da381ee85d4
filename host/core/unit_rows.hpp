#pragma once

#include <cstdint>

#include "clipk/core/matrix.hpp"

namespace clipk {

/// @param first_row number of the first row, for the message, where these are a block of more
/// @throws Error that begins with `name` if a row of a host matrix is not finite or has length
/// zero.
void check_nonzero_rows(MatrixView<const float> rows, const char* name, std::int64_t first_row = 0);

/// Host rows divided by their length (float64), after that check.
Matrix<float> unit_rows(int threads, MatrixView<const float> rows, const char* name,
                        std::int64_t first_row = 0);

}  // namespace clipk
