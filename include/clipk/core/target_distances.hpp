#pragma once

#include "clipk/core/metric.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// The high-dimensional distances d_ij that a low-dimensional map should keep: either stored, or
/// computed from the rows whenever they are needed, for data whose matrix does not fit into memory.
template <class T>
struct BasicTargetDistances {
  MatrixView<const T> distances{};    ///< [n, m]; or empty, and then the rows below are given
  MatrixView<const T> rows_x{};       ///< [n, D]
  MatrixView<const T> rows_y{};       ///< [m, D]
  Metric metric = Metric::euclidean;  ///< of the rows
};
using TargetDistances = BasicTargetDistances<float>;  ///< In float32, as models hold it.

}  // namespace clipk
