#pragma once

#include "clipk/ops/permute.hpp"

namespace clipk::cpu {

// Shapes as in clipk::permute and permute_inverse; for float and double.

template <class T>
void permute(int threads, MatrixView<const T> x, VectorView<const std::int32_t> order,
             MatrixView<T> y);
template <class T>
void permute_inverse(int threads, MatrixView<const T> y, VectorView<const std::int32_t> order,
                     MatrixView<T> x);

}  // namespace clipk::cpu
