#pragma once

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// out [m, k] = (row - mean) axes^T in float64, rounded to float32 at the end: what a linear model
/// does with rows.
/// @param rows [m, D], on any device  @param mean [D]  @param axes [k, D], both on the host
/// @param[out] out [m, k], on the context's device
/// @throws Error that begins with `name` if a shape differs.
void centred_map(Context& context, const char* name, MatrixView<const float> rows,
                 VectorView<const double> mean, MatrixView<const double> axes,
                 MatrixView<float> out);

}  // namespace clipk
