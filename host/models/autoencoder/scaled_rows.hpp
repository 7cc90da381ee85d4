#pragma once

#include "clipk/core/matrix.hpp"
#include "clipk/models/autoencoder.hpp"

namespace clipk {

/// Rows of any device, scaled, as they lie on the context's: the caller's own where nothing is to
/// be done (he keeps them alive), a copy elsewhere.
class ScaledRows {
 public:
  ScaledRows(Context& context, MatrixView<const float> rows, RowScaling scaling = RowScaling::none);
  operator MatrixView<const float>() const { return view_; }  // NOLINT: as Matrix does

 private:
  Matrix<float> copy_;
  MatrixView<const float> view_;
};

}  // namespace clipk
