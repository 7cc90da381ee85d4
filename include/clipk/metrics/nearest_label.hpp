#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/metric.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// Share of the rows whose nearest other row has the same label (leave-one-out 1-NN accuracy);
/// among equal distances the lower index counts. Rows with a negative label are left out, also
/// as neighbours.
///
/// @param rows [n, d], on any device; the search runs on the context's
///   @param labels [n], on the host
/// @throws Error if the sizes differ, a value is not finite, fewer than 2 rows have a label, or as
///   `nearest` does. Deterministic: yes.
double nearest_label_accuracy(Context& context, MatrixView<const float> rows,
                              VectorView<const std::int32_t> labels,
                              Metric metric = Metric::euclidean);

}  // namespace clipk
