#pragma once

#include "clipk/ops/act_norm.hpp"

namespace clipk::cpu {

// Shapes as in clipk/ops/act_norm.hpp; for float and double. factors [d] is scratch.

template <class T>
void act_norm_init(int threads, MatrixView<const T> x, VectorView<T> shift,
                   VectorView<T> log_scale);

template <class T>
void act_norm(int threads, MatrixView<const T> x, VectorView<const T> shift,
              VectorView<const T> log_scale, VectorView<T> factors, MatrixView<T> y,
              VectorView<T> log_det);

template <class T>
void act_norm_inverse(int threads, MatrixView<const T> y, VectorView<const T> shift,
                      VectorView<const T> log_scale, VectorView<T> factors, MatrixView<T> x);

/// Runs of rows that act_norm_backward adds apart: a function of the shape alone.
std::int64_t act_norm_parts(std::int64_t n, std::int64_t d);

/// @param parts [act_norm_parts(n, d), 2 d] scratch
template <class T>
void act_norm_backward(int threads, MatrixView<const T> y, VectorView<const T> log_scale,
                       MatrixView<const T> grad_y, VectorView<const T> grad_log_det,
                       VectorView<T> factors, MatrixView<double> parts, MatrixView<T> grad_x,
                       VectorView<T> grad_shift, VectorView<T> grad_log_scale);

}  // namespace clipk::cpu
