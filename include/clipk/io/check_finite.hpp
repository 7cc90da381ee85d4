#pragma once

#include <string>

#include "clipk/core/view.hpp"

namespace clipk {

/// @throws Error that names the first row (and column) of a host matrix that holds NaN or Inf:
/// "NAME: expected finite values, got nan in row 3, column 5".
void check_finite(MatrixView<const float> matrix, const std::string& name);
void check_finite(MatrixView<const double> matrix, const std::string& name);

}  // namespace clipk
