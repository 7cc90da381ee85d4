#pragma once

#include <utility>

#include "clipk/core/matrix.hpp"

namespace clipk {

/// Rows that the host can read: the view itself, or a copy of rows on a GPU.
template <class T>
class HostRows {
 public:
  HostRows(Context& context, MatrixView<const T> rows) : view_(rows) {
    if (rows.device == Device::cpu) return;
    copy_ = Matrix<T>(rows.rows, rows.cols);
    copy<T>(context, rows, copy_.view());
    view_ = std::as_const(copy_).view();
  }
  MatrixView<const T> view() const { return view_; }

 private:
  Matrix<T> copy_;
  MatrixView<const T> view_;
};

}  // namespace clipk
