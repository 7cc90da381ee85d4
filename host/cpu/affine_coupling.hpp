#pragma once

#include "clipk/ops/affine_coupling.hpp"

namespace clipk::cpu {

// Shapes as in clipk/ops/affine_coupling.hpp; for float and double.

template <class T>
void affine_coupling(int threads, MatrixView<const T> x, MatrixView<const T> a,
                     MatrixView<const T> t, const AffineCouplingOptions& options, MatrixView<T> y,
                     VectorView<T> log_det);

template <class T>
void affine_coupling_inverse(int threads, MatrixView<const T> y, MatrixView<const T> a,
                             MatrixView<const T> t, const AffineCouplingOptions& options,
                             MatrixView<T> x);

template <class T>
void affine_coupling_backward(int threads, MatrixView<const T> y, MatrixView<const T> a,
                              MatrixView<const T> t, const AffineCouplingOptions& options,
                              MatrixView<const T> grad_y, VectorView<const T> grad_log_det,
                              MatrixView<T> grad_x, MatrixView<T> grad_a, MatrixView<T> grad_t);

}  // namespace clipk::cpu
