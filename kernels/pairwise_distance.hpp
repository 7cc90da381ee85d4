#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/core/device.hpp"
#include "clipk/core/metric.hpp"

namespace clipk::gpu {

/// A batch of matrices in device memory, with the scales of all rows ([batch * rows]).
struct DistanceOperand {
  const float* data;
  std::int64_t rows;
  std::int64_t stride;
  std::int64_t batch_stride;
  const float* scales;
};

/// scales [batch * rows] = |x|^2 of every row, or 1 / |x| under cosine.
void row_scales(Metric metric, std::int64_t batch, std::int64_t d, const DistanceOperand& x,
                float* scales, cudaStream_t stream);

/// Where the distances go.
struct DistanceOutput {
  float* data;
  std::int64_t stride;
  std::int64_t batch_stride;
  /// Whether rows i and j were near: bit j % 32 of word j / 32 of row i. [batch * n * ceil(m /
  /// 32)], or null.
  std::uint32_t* near_bits;
};

/// Shapes as in clipk::pairwise_distance.
void pairwise_distance(Metric metric, Precision precision, std::int64_t batch, std::int64_t d,
                       const DistanceOperand& x, const DistanceOperand& y,
                       const DistanceOutput& out, cudaStream_t stream);

}  // namespace clipk::gpu
