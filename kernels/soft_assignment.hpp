#pragma once

#include <cuda_runtime_api.h>

#include "clipk/core/memory.hpp"
#include "clipk/ops/soft_assignment.hpp"

namespace clipk::gpu {

inline constexpr std::int64_t kSoftMaxCentres = 1024;  // their values lie in shared memory

/// Views are of device memory; points are not empty. Shapes as in clipk::soft_assignment.
/// @param column_sums or null
void soft_assignment(Scratch& scratch, MatrixView<const float> points,
                     MatrixView<const float> centres, const SoftAssignmentOptions& options,
                     MatrixView<float> q, double* column_sums, cudaStream_t stream);

/// @param p or empty: then formed with column_sums  @param share weight / n
void soft_assignment_kl(Scratch& scratch, MatrixView<const float> points,
                        MatrixView<const float> centres, const SoftAssignmentOptions& options,
                        MatrixView<const float> p, const double* column_sums, double share,
                        double* loss, MatrixView<float> grad_points, MatrixView<float> grad_centres,
                        cudaStream_t stream);

}  // namespace clipk::gpu
