#pragma once

#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/train/mlp.hpp"

namespace clipk {

/// The rows that an autoencoder is trained on. The learning rate and the initial weights suit
/// values of about unit size near 0. Rows that are far from that are centred by column and scaled
/// by one power of two; afterwards the first and last layer of the trained networks absorb this, so
/// that they map the original rows. All other rows are used as they are.
class ConditionedRows {
 public:
  /// @param rows [n, d] on the context's device, kept alive by the caller
  ConditionedRows(Context& context, MatrixView<const float> rows);

  MatrixView<const float> view() const { return view_; }
  /// The factor of the values; 1 for unchanged rows.
  double factor() const { return factor_; }
  /// The mean over all values of view() of (value - its column's mean)^2.
  double variance() const { return variance_; }
  /// Changes networks that work on view()'s rows into networks that work on the original rows.
  /// `encoder` may have any output, the output of `decoder` are rows.
  void restore(Context& context, Mlp& encoder, Mlp& decoder) const;

 private:
  Matrix<float> copy_;
  MatrixView<const float> view_;
  std::vector<double> means_;  // [d] subtracted from the rows; empty if they are unchanged
  double factor_ = 1;
  double variance_ = 0;
};

}  // namespace clipk
