#include "clipk/metrics/nearest_label.hpp"

#include <string>

#include "clipk/ops/nearest.hpp"
#include "core/check.hpp"
#include "metrics/labelled_rows.hpp"

namespace clipk {

double nearest_label_accuracy(Context& context, MatrixView<const float> rows,
                              VectorView<const std::int32_t> labels, Metric metric) {
  constexpr const char* kName = "nearest_label_accuracy";
  const LabelledRows data = labelled_rows(context, kName, rows, labels, metric, false);
  const std::int64_t n = data.rows.rows();
  if (n < 2) check::fail(kName, "at least 2 rows with a label", std::to_string(n));
  const Matrix<float> points = data.rows.to_device(context);
  Matrix<std::int32_t> indices(context, n, 1);
  nearest(context, points, points, {.metric = metric, .exclude_self = true}, indices, {});
  const Matrix<std::int32_t> found = indices.to_host(context);
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    right += data.labels[static_cast<std::size_t>(found(i, 0))] ==
             data.labels[static_cast<std::size_t>(i)];
  }
  return static_cast<double>(right) / static_cast<double>(n);
}

}  // namespace clipk
