#pragma once

#include <cstdint>
#include <optional>

#include "clipk/core/memory.hpp"
#include "cpu/detail/fft.hpp"
#include "shared/tsne_grid_shape.hpp"

namespace clipk::cpu {

/// Convolution of charges on a grid with the potential k = 1 / (1 + d^2) (less a constant), as if
/// the grid had no period. Keeps twiddle factors and the spectrum from one call to the next.
class TsneGrid {
 public:
  /// Twiddle factors and spectrum for this shape; does nothing where they are at hand.
  void prepare(int threads, Scratch& scratch, const TsneGridShape& shape);

  /// Columns of an array over the grid: those of the nodes, and some more.
  static std::int64_t columns(const TsneGridShape& shape) {
    return (shape.nodes(1) + kFftLines - 1) / kFftLines * kFftLines;
  }
  /// Floats from one row of such an array to the next: an odd number of cache lines, so that those
  /// of a column do not share a place in the cache.
  static std::int64_t stride(const TsneGridShape& shape) {
    return columns(shape) / kFftLines % 2 == 1 ? columns(shape) : columns(shape) + kFftLines;
  }

  /// @param charges floats [nodes(0), stride]; 0 in the columns after nodes(1)
  /// @param[out] potential [nodes(0), stride]
  void convolve(int threads, Scratch& scratch, const TsneGridShape& shape, const float* charges,
                float* potential) const;

 private:
  std::optional<TsneGridShape> shape_;  // that the spectrum is for
  std::optional<RealFft> columns_fft_;  // of lengths[0] / 2, along axis 0
  std::optional<PaddedFft> rows_fft_;   // of lengths[1], along axis 1
  // Real, for k is even; both transforms' lengths are divided out. Floats [lengths[0] / 32,
  // lengths[1], 16]: sixteen frequencies of axis 0 by all those of axis 1.
  Buffer spectrum_;
};

}  // namespace clipk::cpu
