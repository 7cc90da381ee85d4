#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "clipk/core/memory.hpp"
#include "cpu/fft.hpp"
#include "ops/tsne_grid_shape.hpp"

namespace clipk::cpu {

/// Convolution of charges on a grid with k = 1 / (1 + d^2) and the two components of k^2 d, as if
/// the grid had no period. Keeps plans and spectra from one call to the next.
class TsneGrid {
 public:
  static constexpr std::int64_t kFields = 3;      ///< k, k^2 d_0, k^2 d_1
  static constexpr std::int64_t kBlock = 8;       ///< grid rows, or columns of the spectrum, a task
  static constexpr std::int64_t kRowPadding = 8;  ///< floats past a row of a field that are 0

  /// Plans and spectra for this shape; does nothing where they are at hand.
  void prepare(int threads, Scratch& scratch, const TsneGridShape& shape);

  /// Floats from one row of a field to the next.
  static std::int64_t field_stride(const TsneGridShape& shape) {
    return (shape.nodes(1) + kRowPadding + 15) / 16 * 16;
  }

  /// Writes the charges of `count` grid rows from `first` on, nodes(1) of each; rows lie lengths[1]
  /// floats apart.
  using Spread = std::function<void(std::int64_t first, std::int64_t count, float* charges)>;

  /// Calls `spread` for every block of rows, in any order and from several threads.
  /// @param[out] fields [nodes(0), kFields, field_stride]
  void convolve(int threads, Scratch& scratch, const TsneGridShape& shape, const Spread& spread,
                float* fields) const;

 private:
  std::optional<TsneGridShape> shape_;  // that the spectra are for
  std::unique_ptr<LineFft> fft_[2];     // along columns, along rows
  // The imaginary unit left out where it stands before a whole field, and 1 / area and the splines'
  // smoothing put in: float [lengths[1] / 2 + 1, kFields, lengths[0]].
  Buffer spectra_;
};

}  // namespace clipk::cpu
