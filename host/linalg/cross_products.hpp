#pragma once

#include <cstdint>

#include "clipk/core/matrix.hpp"

namespace clipk::cpu {

/// Columns of a block of rows, as cross_products reads them: in panels of kWidth columns, each
/// stored row after row. The padding of the last panel does not affect the result.
template <int kWidth>
class Panels {
 public:
  Panels(std::int64_t most_rows, std::int64_t most_cols)
      : values_((most_cols + kWidth - 1) / kWidth, most_rows * kWidth) {}

  static constexpr int width() { return kWidth; }
  double* panel(std::int64_t p) { return values_.view().row(p); }
  const double* panel(std::int64_t p) const { return values_.view().row(p); }

 private:
  Matrix<double> values_;
};
using LeftPanels = Panels<8>;
using RightPanels = Panels<24>;

/// c [m, n] += a^T b over `rows` rows, in float64: a holds m columns, b n. Each element is a sum in
/// the order of rows (by fused multiply-add where the CPU has it) in pieces of 256, so the bits are
/// the same for any number of threads.
void cross_products(int threads, const LeftPanels& a, const RightPanels& b, std::int64_t rows,
                    MatrixView<double> c);

}  // namespace clipk::cpu
