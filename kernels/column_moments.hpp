#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/core/view.hpp"

namespace clipk::gpu {

/// Into so many parts the rows are cut.
std::int64_t column_moment_parts(std::int64_t rows);

/// Shapes as in clipk::column_moments, not empty; pointers are device memory, variance may be null.
/// parts [column_moment_parts(n), 2 d] is scratch.
void column_moments(MatrixView<const float> x, double* parts, double* mean, double* variance,
                    cudaStream_t stream);

}  // namespace clipk::gpu
