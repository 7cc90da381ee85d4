#pragma once

#include "clipk/core/memory.hpp"
#include "clipk/ops/tsne_update.hpp"

namespace clipk::cpu {

/// Shapes as in clipk::tsne_update.
void tsne_update(int threads, Scratch& scratch, const TsneUpdateOptions& options,
                 MatrixView<const float> attraction, MatrixView<const float> repulsion,
                 VectorView<const double> z, MatrixView<float> y, MatrixView<float> velocity,
                 MatrixView<float> gains);
void tsne_update(int threads, Scratch& scratch, const TsneUpdateOptions& options,
                 MatrixView<const double> attraction, MatrixView<const double> repulsion,
                 VectorView<const double> z, MatrixView<double> y, MatrixView<double> velocity,
                 MatrixView<double> gains);

}  // namespace clipk::cpu
