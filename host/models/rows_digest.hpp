#pragma once

#include <string>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// SHA-256 of the values row by row, in hex, by which a checkpoint identifies its data.
std::string rows_digest(Context& context, MatrixView<const float> rows);

}  // namespace clipk
