#pragma once

#include "clipk/ops/dense.hpp"

namespace clipk::cpu {

template <class T>
void dense(int threads, MatrixView<const T> x, MatrixView<const T> weight, VectorView<const T> bias,
           Activation activation, MatrixView<T> y);

/// Rows whose bias gradients are added before the blocks are.
inline constexpr std::int64_t kBiasRows = 64;

/// @param grad_z [n, out] scratch: the gradient before the activation; grad_y itself for identity
/// @param bias_parts [ceil(n / kBiasRows), out] scratch, unused without grad_bias
template <class T>
void dense_backward(int threads, MatrixView<const T> x, MatrixView<const T> weight,
                    MatrixView<const T> y, Activation activation, MatrixView<const T> grad_y,
                    MatrixView<T> grad_z, MatrixView<T> bias_parts, MatrixView<T> grad_x,
                    MatrixView<T> grad_weight, VectorView<T> grad_bias);

template <class T>
void dense_add(int threads, MatrixView<const T> x, MatrixView<const T> weight, MatrixView<T> y);
template <class T>
void dense_add_backward(int threads, MatrixView<const T> weight, MatrixView<const T> grad_y,
                        MatrixView<T> grad_x);

}  // namespace clipk::cpu
