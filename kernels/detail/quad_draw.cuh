// Device side of shared/quad_draw.hpp: the bits of a block of quadruples, and their hinge.
#pragma once

#include "clipk/core/random.hpp"
#include "kernels/detail/portable.cuh"
#include "shared/quad_draw.hpp"

namespace clipk::gpu {

/// What a draw and its loss depend on.
struct QuadRule {
  std::int64_t n, m;  // rows and columns of the block
  bool self;
  std::int64_t count;
  std::uint64_t seed;
  float margin;
  double factor;  // of the loss and the gradient
};

__device__ __forceinline__ uint4 quad_bits(const QuadRule& rule, std::uint64_t step,
                                           std::uint64_t index) {
  return philox4x32_10(
      {static_cast<unsigned>(index), static_cast<unsigned>(index >> 32),
       static_cast<unsigned>(step), static_cast<unsigned>(RandomStream::quadruples)},
      {static_cast<unsigned>(rule.seed), static_cast<unsigned>(rule.seed >> 32)});
}

/// +1 or -1 where the first distance counts so and the second the opposite; 0 where the quadruple
/// is inactive. Its hinge is added to `sum`.
__device__ __forceinline__ int quad_sign(float margin, float d_first, float d_second, float e_first,
                                         float e_second, double& sum) {
  const int sign = (d_first < d_second) - (d_second < d_first);
  const float hinge = fmaf(static_cast<float>(sign), e_first - e_second, margin);
  if (sign == 0 || hinge <= 0.f) return 0;  // NaN shows in the loss
  sum += static_cast<double>(hinge);
  return sign;
}

/// Adds factor * (sum over the grid) to *loss, whatever order the blocks run in.
__device__ __forceinline__ void add_loss(const QuadRule& rule, double sum, double* scratch,
                                         double* partials, unsigned* ticket, double* loss) {
  double total = 0;
  if (grid_sum(sum, scratch, partials, ticket, total) && threadIdx.x == 0) {
    *loss += rule.factor * total;
  }
}

}  // namespace clipk::gpu
