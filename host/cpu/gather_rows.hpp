#pragma once

#include "clipk/ops/gather_rows.hpp"

namespace clipk::cpu {

void gather_rows(int threads, MatrixView<const float> x, VectorView<const std::int32_t> indices,
                 MatrixView<float> out);

}  // namespace clipk::cpu
