#pragma once

#include "clipk/core/matrix.hpp"
#include "clipk/models/autoencoder.hpp"

namespace clipk {

/// Rows on any device, scaled and on the context's device: the caller's own rows where nothing
/// needs to be done (the caller keeps them alive), else a copy.
class ScaledRows {
 public:
  ScaledRows(Context& context, MatrixView<const float> rows, RowScaling scaling = RowScaling::none);
  operator MatrixView<const float>() const { return view_; }  // NOLINT: as Matrix does

 private:
  Matrix<float> copy_;
  MatrixView<const float> view_;
};

}  // namespace clipk
