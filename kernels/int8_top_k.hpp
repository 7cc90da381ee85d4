#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/core/view.hpp"
#include "kernels/detail/scan_plan.hpp"

namespace clipk::gpu {

/// Shapes as in clipk::int8_top_k; scale may be null and scores empty. lists [plan.chunks * n * k]
/// is scratch. The result does not depend on the plan.
void int8_top_k(const ScanPlan& plan, MatrixView<const std::int8_t> queries,
                MatrixView<const std::int8_t> database, const float* scale, std::uint64_t* lists,
                MatrixView<std::int32_t> indices, MatrixView<float> scores, cudaStream_t stream);

}  // namespace clipk::gpu
