#pragma once

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

}  // namespace clipk::cpu
