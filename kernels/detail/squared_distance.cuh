// The squared distance of two rows from their difference, in float64.
#pragma once

#include "kernels/detail/portable.cuh"

namespace clipk::gpu {

/// |x - y|^2 by a warp, the same bits in every lane.
__device__ __forceinline__ double squared_distance(const float* __restrict__ x,
                                                   const float* __restrict__ y, std::int64_t d) {
  double sum = 0;
  for (std::int64_t j = threadIdx.x % 32; j < d; j += 32) {
    const double difference = static_cast<double>(x[j]) - static_cast<double>(y[j]);
    sum += difference * difference;
  }
  return warp_sum(sum);
}

}  // namespace clipk::gpu
