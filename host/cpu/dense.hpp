#pragma once

#include "clipk/ops/dense.hpp"

namespace clipk::cpu {

/// @param bias [batch, out] or empty
template <class T>
void dense(int threads, BatchView<const T> x, BatchView<const T> weight, MatrixView<const T> bias,
           Activation activation, BatchView<T> y);

/// Rows whose bias gradients are added before the blocks are.
inline constexpr std::int64_t kBiasRows = 64;

/// @param grad_z [batch, n, out] scratch: the gradient before the activation; unused for identity
/// @param bias_parts [batch * ceil(n / kBiasRows), out] scratch, unused without grad_bias
/// @param grad_bias [batch, out] or empty
template <class T>
void dense_backward(int threads, BatchView<const T> x, BatchView<const T> weight,
                    BatchView<const T> y, Activation activation, BatchView<const T> grad_y,
                    BatchView<T> grad_z, MatrixView<T> bias_parts, BatchView<T> grad_x,
                    BatchView<T> grad_weight, MatrixView<T> grad_bias, Gradient of_x);

template <class T>
void dense_add(int threads, MatrixView<const T> x, MatrixView<const T> weight, MatrixView<T> y);
template <class T>
void dense_add_backward(int threads, MatrixView<const T> weight, MatrixView<const T> grad_y,
                        MatrixView<T> grad_x);

}  // namespace clipk::cpu
