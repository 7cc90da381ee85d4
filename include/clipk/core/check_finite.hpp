#pragma once

#include <cstdint>
#include <string>

#include "clipk/core/view.hpp"

namespace clipk {

/// @throws Error that names the first row (and column) of a host matrix that holds NaN or Inf:
/// "NAME: expected finite values, got nan in row 3, column 5".
/// @param first_row number of the first row, for the message, if the matrix is a block of
///   a larger one
void check_finite(MatrixView<const float> matrix, const std::string& name,
                  std::int64_t first_row = 0);
void check_finite(MatrixView<const double> matrix, const std::string& name,
                  std::int64_t first_row = 0);

}  // namespace clipk
