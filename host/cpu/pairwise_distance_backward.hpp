#pragma once

#include "clipk/ops/pairwise_distance.hpp"
#include "cpu/detail/distance_tile.hpp"

namespace clipk::cpu {

/// Scales are [batch * n] and [batch * m], as row_scales makes them; the sizes of the rest follow.
template <class T>
struct BackwardScratch {
  T* coefficients;           ///< [batch * n * m]
  std::uint32_t* near_bits;  ///< [batch * n * words(m)]
  double* row_sums;          ///< [batch * n * col_tiles(m)]
  double* col_sums;          ///< [batch * row_tiles(n) * m]

  static std::int64_t words(std::int64_t m) { return (m + 31) / 32; }
  static std::int64_t row_tiles(std::int64_t n) { return (n + kTileRows - 1) / kTileRows; }
  static std::int64_t col_tiles(std::int64_t m) { return (m + kTileCols - 1) / kTileCols; }
};

void pairwise_distance_backward(int threads, BatchView<const float> x, BatchView<const float> y,
                                Metric metric, const float* scales_x, const float* scales_y,
                                BatchView<const float> grad_out,
                                const BackwardScratch<float>& scratch, BatchView<float> grad_x,
                                BatchView<float> grad_y);
void pairwise_distance_backward(int threads, BatchView<const double> x, BatchView<const double> y,
                                Metric metric, const double* scales_x, const double* scales_y,
                                BatchView<const double> grad_out,
                                const BackwardScratch<double>& scratch, BatchView<double> grad_x,
                                BatchView<double> grad_y);

}  // namespace clipk::cpu
