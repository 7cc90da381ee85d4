#pragma once

#include <cstdint>

#include "clipk/core/view.hpp"

namespace clipk::cpu {

/// Both directions from one pass over tiles of distances. Shapes as in clipk::cosine_top_k.
/// @throws Error if a value is not finite or a row has length zero.
void cosine_top_k(int threads, MatrixView<const float> x, MatrixView<const float> y,
                  MatrixView<std::int32_t> indices_of_x, MatrixView<float> cosines_of_x,
                  MatrixView<std::int32_t> indices_of_y, MatrixView<float> cosines_of_y);

}  // namespace clipk::cpu
