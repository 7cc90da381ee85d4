#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "kernels/detail/gemm.hpp"
#include "kernels/pairwise_distance.hpp"

namespace clipk::gpu {

/// Sizes of the scratch.
struct BackwardPlan {
  BackwardPlan(std::int64_t batch, std::int64_t n, std::int64_t m);

  std::int64_t batch;
  std::int64_t row_blocks, col_blocks;  // of the coefficients
  std::int64_t coefficients, near_words, row_sums, col_sums;
};

struct BackwardScratch {
  float* coefficients;
  std::uint32_t* near_bits;
  double* row_sums;
  double* col_sums;
};

/// A batch of gradients; not wanted where data is null.
template <class T>
struct GradientOperand {
  T* data;
  std::int64_t stride;
  std::int64_t batch_stride;
};

/// Shapes as in clipk::pairwise_distance_backward.
void pairwise_distance_backward(GemmHandle& handle, Metric metric, Precision precision,
                                const BackwardPlan& plan, std::int64_t d, const DistanceOperand& x,
                                const DistanceOperand& y,
                                const GradientOperand<const float>& grad_out,
                                const BackwardScratch& scratch,
                                const GradientOperand<float>& grad_x,
                                const GradientOperand<float>& grad_y, cudaStream_t stream);

}  // namespace clipk::gpu
