#pragma once

#include "clipk/core/memory.hpp"
#include "shared/tsne_grid_shape.hpp"

namespace clipk::cpu {

/// The potential k = 1 / (1 + d^2), less the shape's constant, of a unit charge that is spread and
/// read by septic splines: the smoothing at both ends is corrected for.
/// @param factor of all of it
/// @param[out] out value (a, b) is for nodes a and b apart along the axes; columns a multiple of 16
void tsne_kernel(int threads, Scratch& scratch, const TsneGridShape& shape, double factor,
                 MatrixView<float> out);

}  // namespace clipk::cpu
