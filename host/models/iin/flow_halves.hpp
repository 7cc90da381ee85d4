#pragma once

#include "clipk/core/view.hpp"

namespace clipk {

/// The two halves of a flow's rows as column ranges; of an odd dimension the second is wider.
template <class T>
struct Halves {
  MatrixView<T> first, second;

  template <class Rows>
  Halves(Rows rows, std::int64_t half)
      : first(MatrixView<T>(rows).col_range(0, half)),
        second(MatrixView<T>(rows).col_range(half, rows.cols - half)) {}
};

/// What the two networks of a coupling give, side by side: a of the log-scale, and t.
template <class T>
struct CouplingOutputs {
  MatrixView<T> all, a, t;

  explicit CouplingOutputs(MatrixView<T> outputs)
      : all(outputs),
        a(outputs.col_range(0, outputs.cols / 2)),
        t(outputs.col_range(outputs.cols / 2, outputs.cols / 2)) {}
};

}  // namespace clipk
