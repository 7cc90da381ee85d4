#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "clipk/core/matrix.hpp"
#include "clipk/metrics/geometry.hpp"
#include "core/parallel.hpp"

namespace clipk {

/// The rows of one space in float64, ready for distances.
struct DistanceSide {
  Matrix<double> x;
  Matrix<double> y;  ///< empty within one set
  Metric metric;

  /// @param name of the argument in messages
  DistanceSide(Context& context, const char* op, const char* name, const DistanceBlock& rows);
  bool within() const { return y.rows() == 0; }
  const Matrix<double>& right() const { return within() ? x : y; }
  /// The distance of rows i and j, from their difference.
  double distance(std::int64_t i, std::int64_t j) const;
};

/// All distances of a block in both spaces, some rows of the distance matrix at a time.
class DistanceStream {
 public:
  DistanceStream(Context& context, const char* op, const DistanceBlock& high,
                 const DistanceBlock& low);

  std::int64_t rows() const { return n_; }
  std::int64_t pairs() const { return high_.within() ? n_ * (n_ - 1) / 2 : n_ * m_; }
  const DistanceSide& high() const { return high_; }
  const DistanceSide& low() const { return low_; }

  /// Calls f(row, first, d, e, count) for every row with its distances (within one set only for
  /// j > row), which are numbers first ... first + count - 1 of all. Rows may run at the same time.
  template <class F>
  void for_each_row(F&& f) {
    for (std::int64_t row = 0; row < n_; row += block_) {
      const std::int64_t count = std::min(block_, n_ - row);
      fill(row, count);
      const std::int64_t skipped = high_.within() ? row : 0;  // columns before the block's first
      cpu::parallel_for(cpu_.threads(), count, [&](std::int64_t r) {
        const std::int64_t i = row + r;
        const std::int64_t from = high_.within() ? i + 1 : 0;
        const std::int64_t first = high_.within() ? i * n_ - i * (i + 1) / 2 : i * m_;
        f(i, first, d_.view().row(r) + from - skipped, e_.view().row(r) + from - skipped,
          m_ - from);
      });
    }
  }

 private:
  void fill(std::int64_t row, std::int64_t count);

  Context cpu_;
  DistanceSide high_, low_;
  std::int64_t n_, m_, block_;
  Matrix<double> d_, e_;  // [block, m]
};

}  // namespace clipk
