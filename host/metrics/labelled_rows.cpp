#include "metrics/labelled_rows.hpp"

#include <algorithm>
#include <string>

#include "clipk/core/check_finite.hpp"
#include "clipk/core/select_rows.hpp"
#include "core/check.hpp"
#include "core/host_rows.hpp"
#include "core/unit_rows.hpp"

namespace clipk {

LabelledRows labelled_rows(Context& context, const char* op, MatrixView<const float> rows,
                           VectorView<const std::int32_t> labels, Metric metric, bool sorted) {
  if (labels.size != rows.rows) {
    check::fail(op, "labels of size " + std::to_string(rows.rows), std::to_string(labels.size));
  }
  if (!labels.empty()) check::same_device(op, "labels", Device::cpu, labels.device);
  if (rows.cols < 1) check::fail(op, "rows of 1 column or more", "0");
  const HostRows<float> host(context, rows);
  check_finite(host.view(), std::string(op) + " rows");
  std::vector<std::int64_t> kept;
  for (std::int64_t i = 0; i < labels.size; ++i) {
    if (labels[i] < 0) continue;
    kept.push_back(i);
    if (metric == Metric::cosine && is_zero_row(host.view().row(i), rows.cols)) {
      check::fail(op, "rows of length above 0 under cosine",
                  "a zero vector in row " + std::to_string(i));
    }
  }
  if (sorted) {
    std::stable_sort(kept.begin(), kept.end(),
                     [&](std::int64_t i, std::int64_t j) { return labels[i] < labels[j]; });
  }
  LabelledRows result{select_rows(host.view(), kept), {}};
  for (const std::int64_t i : kept) result.labels.push_back(labels[i]);
  return result;
}

}  // namespace clipk
