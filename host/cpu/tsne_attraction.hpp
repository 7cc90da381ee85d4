#pragma once

#include "clipk/core/memory.hpp"
#include "clipk/ops/tsne_attraction.hpp"

namespace clipk::cpu {

/// Shapes as in clipk::tsne_attraction; loss may be null.
void tsne_attraction(int threads, Scratch& scratch, const TsneAffinities& p,
                     MatrixView<const float> y, MatrixView<const float> others,
                     MatrixView<float> forces, double* loss);
void tsne_attraction(int threads, Scratch& scratch, const BasicTsneAffinities<double>& p,
                     MatrixView<const double> y, MatrixView<const double> others,
                     MatrixView<double> forces, double* loss);

}  // namespace clipk::cpu
