#pragma once

#include "kernels/kmeans_step.hpp"

namespace clipk::gpu {

/// Writes the nearest centre of every point and set to labels [r, n].
void find_kmeans_labels(GemmHandle& handle, const KMeansPlan& plan, Precision precision,
                        MatrixView<const float> points, BatchView<const float> centres,
                        MatrixView<std::int32_t> labels, const KMeansScratch& scratch,
                        cudaStream_t stream);

}  // namespace clipk::gpu
