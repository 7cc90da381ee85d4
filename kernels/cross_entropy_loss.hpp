#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/ops/cross_entropy_loss.hpp"

namespace clipk::gpu {

inline constexpr std::int64_t kCrossEntropyMaxBlocks = 1056;  // eight a multiprocessor of an H100

/// All 0 before the call.
struct CrossEntropyScratch {
  double partials[kCrossEntropyMaxBlocks];
  unsigned long long known;  ///< rows with a label
  unsigned ticket;
};

/// Views are of device memory, not empty. Shapes as in clipk::cross_entropy_loss.
void cross_entropy_loss(MatrixView<const float> logits, const std::int32_t* labels,
                        Reduction reduction, float weight, double* loss, MatrixView<float> grad,
                        CrossEntropyScratch* scratch, cudaStream_t stream);

}  // namespace clipk::gpu
