#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace clipk {

/// The grid of tsne_repulsion's fft method, from the extent of the points alone. Both backends
/// follow it.
struct TsneGridShape {
  static constexpr std::int64_t kOrder = 8;   ///< nodes per point along an axis: septic splines
  static constexpr double kNodesAUnit = 3.5;  ///< nodes per unit of the map
  static constexpr std::int64_t kLeastCells = 48;
  /// Nodes between the largest difference of two points and the end of the kernel's period:
  /// dividing the splines out of the spectrum makes the kernel ring there.
  static constexpr std::int64_t kMargin = 16;
  static constexpr std::int64_t kLeastLength = 2 * (kLeastCells + kOrder) + kMargin;
  static constexpr std::int64_t kMostLength = 4096;

  double origin[2];
  /// Subtracted from the kernel, which only changes the potential by a constant. While the whole
  /// map lies within the kernel's peak, only the kernel's decrease matters.
  double offset;
  double spacing;           ///< of the nodes
  std::int64_t cells[2];    ///< point y lies in cell floor((y - origin) / spacing)
  std::int64_t lengths[2];  ///< of the FFT

  std::int64_t nodes(int axis) const { return cells[axis] + kOrder - 1; }

  bool same_kernel(const TsneGridShape& other) const {
    return offset == other.offset && spacing == other.spacing && lengths[0] == other.lengths[0] &&
           lengths[1] == other.lengths[1];
  }

  TsneGridShape(const double (&low)[2], const double (&high)[2]) : origin{low[0], low[1]} {
    const double widest = std::max(high[0] - low[0], high[1] - low[1]);
    offset = widest < 1 ? 1 : 0;
    constexpr std::int64_t kMostCells = (kMostLength - kMargin) / 2 - kOrder;
    // Maps wider than some width share one spacing, and with it the kernel's spectrum.
    spacing = std::max({std::min(1 / kNodesAUnit, widest / static_cast<double>(kLeastCells)),
                        widest / static_cast<double>(kMostCells), 1e-20});
    for (int axis = 0; axis < 2; ++axis) {
      cells[axis] = static_cast<std::int64_t>((high[axis] - low[axis]) / spacing) + 1;
      lengths[axis] = length_of(2 * nodes(axis) + kMargin);
    }
  }

 private:
  // Transforms are fastest for lengths with a large power of two as a factor.
  static std::int64_t length_of(std::int64_t least) {
    std::int64_t length = kLeastLength;  // 2^7; then 5 2^5, 3 2^6, 2^8 and so on
    while (length < least) {
      for (const std::int64_t quarter : {5, 6, 8}) {
        if (length / 4 * quarter >= least) return length / 4 * quarter;
      }
      length *= 2;
    }
    return length;
  }
};

}  // namespace clipk
