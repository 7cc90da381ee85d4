#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/core/view.hpp"
#include "kernels/detail/scan_plan.hpp"

namespace clipk::gpu {

/// Shapes as in clipk::hamming_top_k; distances may be empty. lists [plan.chunks * n * k] is
/// scratch. The result does not depend on the plan.
void hamming_top_k(const ScanPlan& plan, MatrixView<const std::uint8_t> queries,
                   MatrixView<const std::uint8_t> database, std::uint64_t* lists,
                   MatrixView<std::int32_t> indices, MatrixView<std::int32_t> distances,
                   cudaStream_t stream);

}  // namespace clipk::gpu
