#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/core/metric.hpp"

namespace clipk {

/// The rows with a label, on the host.
struct LabelledRows {
  Matrix<float> rows;
  std::vector<std::int32_t> labels;
};

/// Checks sizes, devices and values (under cosine also lengths).
/// @param sorted by label (stable), so that a cluster is a range of rows; else in their own order
LabelledRows labelled_rows(Context& context, const char* op, MatrixView<const float> rows,
                           VectorView<const std::int32_t> labels, Metric metric, bool sorted);

}  // namespace clipk
