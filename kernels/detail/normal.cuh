// Normal numbers from the words of Philox.
#pragma once

#include "kernels/detail/portable.cuh"

namespace clipk::gpu {

/// Box and Muller: two normal numbers of this deviation from two words. The angle is given in
/// halves of a turn, exactly, which needs no reduction of large arguments.
__device__ __forceinline__ float2 normal_pair(unsigned first, unsigned second, float deviation) {
  const float u = (static_cast<float>(first >> 8) + 0.5f) * 0x1p-24f;  // never 0
  const float radius = sqrtf(-2.f * logf(u)) * deviation;
  float sine, cosine;
  sincospif(static_cast<float>(second >> 8) * 0x1p-23f, &sine, &cosine);
  return {radius * cosine, radius * sine};
}

}  // namespace clipk::gpu
