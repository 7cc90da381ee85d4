#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/ops/clip_norm.hpp"

namespace clipk::gpu {

inline constexpr std::int64_t kClipMaxBlocks = 528;  // four a multiprocessor of an H100

/// What the two kernels share in device memory.
struct ClipScratch {
  double partials[kClipMaxBlocks];
  float scale;
  unsigned ticket;  ///< 0 before the call
};

/// Pointers are device memory. n as in clipk::clip_norm.
void clip_norm(float max_norm, std::int64_t n, float* gradients, ClipScratch* scratch,
               cudaStream_t stream);

}  // namespace clipk::gpu
