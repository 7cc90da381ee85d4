#pragma once

#include "shared/host_device.hpp"

// How the parts that rows are cut into become the moments of a column, on the CPU and on CUDA.
namespace clipk {

/// Number, mean and sum of squared deviations of some values.
struct ColumnPart {
  double rows = 0, mean = 0, squares = 0;
};

/// A part from the sums of value - origin and of its square; origin is one of the values.
CLIPK_HOST_DEVICE constexpr ColumnPart column_part(double rows, double origin, double sum,
                                                   double sum_of_squares) {
  return {rows, origin + sum / rows, sum_of_squares - sum / rows * sum};
}

/// Two parts as one (Chan, Golub and LeVeque 1979).
CLIPK_HOST_DEVICE constexpr ColumnPart joined(const ColumnPart& a, const ColumnPart& b) {
  const double rows = a.rows + b.rows, apart = b.mean - a.mean;
  return {rows, a.mean + apart * (b.rows / rows),
          a.squares + (b.squares + apart * apart * (a.rows * b.rows / rows))};
}

/// The variance; rounding may have left a sum of squares just below 0. NaN stays.
CLIPK_HOST_DEVICE constexpr double variance_of(const ColumnPart& part) {
  return part.squares < 0 ? 0 : part.squares / part.rows;
}

}  // namespace clipk
