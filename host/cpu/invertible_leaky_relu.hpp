#pragma once

#include "clipk/ops/invertible_leaky_relu.hpp"

namespace clipk::cpu {

// Shapes as in clipk/ops/invertible_leaky_relu.hpp; for float and double.

template <class T>
void invertible_leaky_relu(int threads, MatrixView<const T> x, float slope, MatrixView<T> y,
                           VectorView<T> log_det);
template <class T>
void invertible_leaky_relu_inverse(int threads, MatrixView<const T> y, float slope,
                                   MatrixView<T> x);
template <class T>
void invertible_leaky_relu_backward(int threads, MatrixView<const T> y, float slope,
                                    MatrixView<const T> grad_y, MatrixView<T> grad_x);

}  // namespace clipk::cpu
