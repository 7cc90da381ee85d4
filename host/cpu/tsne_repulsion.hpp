#pragma once

#include <memory>

#include "clipk/core/memory.hpp"
#include "clipk/ops/tsne_repulsion.hpp"

namespace clipk::cpu {

/// Shapes as in clipk::tsne_repulsion. Within one map others is y and z [1]; else z [y.rows].
void tsne_repulsion_exact(int threads, Scratch& scratch, MatrixView<const float> y,
                          MatrixView<const float> others, bool within, MatrixView<float> forces,
                          VectorView<double> z);
void tsne_repulsion_exact(int threads, Scratch& scratch, MatrixView<const double> y,
                          MatrixView<const double> others, bool within, MatrixView<double> forces,
                          VectorView<double> z);

/// The same by interpolation on a grid. `slot` keeps twiddle factors and a spectrum (Context::fft).
/// @throws Error if a value is not finite.
void tsne_repulsion_fft(int threads, Scratch& scratch, std::shared_ptr<void>& slot,
                        MatrixView<const float> y, MatrixView<const float> others, bool within,
                        MatrixView<float> forces, VectorView<double> z);

}  // namespace clipk::cpu
