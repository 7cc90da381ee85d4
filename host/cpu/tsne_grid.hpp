#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "clipk/core/memory.hpp"
#include "cpu/fft.hpp"
#include "ops/tsne_grid_shape.hpp"

namespace clipk::cpu {

/// Convolution of charges on a grid with the potential k = 1 / (1 + d^2) (less a constant), as if
/// the grid had no period. Keeps plans and the spectrum from one call to the next.
class TsneGrid {
 public:
  static constexpr std::int64_t kBlock = 8;  ///< grid rows, or columns of the spectrum, a task

  /// Plans and spectrum for this shape; does nothing where they are at hand.
  void prepare(int threads, Scratch& scratch, const TsneGridShape& shape);

  /// Floats from one row of the potential to the next.
  static std::int64_t stride(const TsneGridShape& shape) { return (shape.nodes(1) + 15) / 16 * 16; }

  /// Writes the charges of `count` grid rows from `first` on, nodes(1) of each; rows lie lengths[1]
  /// floats apart.
  using Spread = std::function<void(std::int64_t first, std::int64_t count, float* charges)>;

  /// Calls `spread` for every block of rows, in any order and from several threads.
  /// @param[out] potential [nodes(0), stride], of which nodes(1) columns are written
  void convolve(int threads, Scratch& scratch, const TsneGridShape& shape, const Spread& spread,
                float* potential) const;

 private:
  std::optional<TsneGridShape> shape_;  // that the spectrum is for
  std::unique_ptr<LineFft> fft_[2];     // along columns, along rows
  // Real, for k is even; 1 / area and the splines' smoothing are put in. Float [lengths[1] / 2 + 1,
  // lengths[0]].
  Buffer spectrum_;
};

}  // namespace clipk::cpu
