#pragma once

#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/train/mlp.hpp"

namespace clipk {

/// Rows as an autoencoder is trained on them. A learning rate and the first weights suit values of
/// about unit size near 0. Rows that are far from that lose their columns' means and are scaled by
/// one power of two; the trained networks then take this into their first and last layer, and map
/// the rows as they are. All others are trained on as they are.
class ConditionedRows {
 public:
  /// @param rows [n, d] on the context's device, kept alive by the caller
  ConditionedRows(Context& context, MatrixView<const float> rows);

  MatrixView<const float> view() const { return view_; }
  /// What a value was multiplied by; 1 of rows that are as they were.
  double factor() const { return factor_; }
  /// The mean over all values of view() of (value - its column's mean)^2.
  double variance() const { return variance_; }
  /// Turns networks from view()'s rows to these and back into such from the rows themselves.
  /// `encoder` may give anything of them, `decoder` gives rows.
  void restore(Context& context, Mlp& encoder, Mlp& decoder) const;

 private:
  Matrix<float> copy_;
  MatrixView<const float> view_;
  std::vector<double> means_;  // [d] taken from the rows; empty where they are as they were
  double factor_ = 1;
  double variance_ = 0;
};

}  // namespace clipk
