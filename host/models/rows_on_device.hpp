#pragma once

#include "clipk/core/matrix.hpp"

namespace clipk {

/// Rows of any device as they lie on the context's: the caller's own where they are there already
/// (he keeps them alive), a copy elsewhere.
class RowsOnDevice {
 public:
  RowsOnDevice(Context& context, MatrixView<const float> rows) : view_(rows) {
    if (rows.device == context.device() || rows.empty()) return;
    copy_ = Matrix<float>::copy_of(context, rows);
    view_ = copy_;
  }
  operator MatrixView<const float>() const { return view_; }  // NOLINT: as Matrix does

 private:
  Matrix<float> copy_;
  MatrixView<const float> view_;
};

}  // namespace clipk
