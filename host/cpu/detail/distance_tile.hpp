#pragma once

#include <cstdint>

#include "clipk/core/metric.hpp"
#include "clipk/core/view.hpp"

// The tile of distances that pairwise_distance and nearest are made of.
namespace clipk::cpu {

/// Distances are computed in tiles of this shape, so that a tile stays in L2 between the product
/// and what follows it, and so that no result depends on the number of threads.
inline constexpr std::int64_t kTileRows = 256;
inline constexpr std::int64_t kTileCols = 512;

/// A squared distance below this part of |x|^2 + |y|^2 (under cosine: a distance below it) is
/// computed again from the difference of the two rows. There the expanded form loses a factor of
/// sqrt(1 / kNearPart) = 4 of a Euclidean distance's accuracy.
inline constexpr double kNearPart = 1.0 / 16;

/// Some rows, with their scales.
template <class T>
struct ScaledRows {
  const T* data = nullptr;
  std::int64_t stride = 0;
  const T* scales = nullptr;

  ScaledRows at(std::int64_t row) const { return {data + row * stride, stride, scales + row}; }
};

/// out [n, m] = distance of each of n rows of x to each of m rows of y, in the metric's units.
/// Runs on the calling thread. Sets bit j % 32 of near_bits[i * near_stride + j / 32], where
/// near_bits is given, if rows i and j were near.
void distance_tile(Metric metric, std::int64_t n, std::int64_t m, std::int64_t d,
                   ScaledRows<float> x, ScaledRows<float> y, float* out, std::int64_t out_stride,
                   std::uint32_t* near_bits = nullptr, std::int64_t near_stride = 0);
void distance_tile(Metric metric, std::int64_t n, std::int64_t m, std::int64_t d,
                   ScaledRows<double> x, ScaledRows<double> y, double* out, std::int64_t out_stride,
                   std::uint32_t* near_bits = nullptr, std::int64_t near_stride = 0);

}  // namespace clipk::cpu
