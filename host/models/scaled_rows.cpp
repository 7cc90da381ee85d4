#include "models/scaled_rows.hpp"

#include <cmath>

namespace clipk {
namespace {

constexpr double kMeanSquare = 0.2;  // of a row's values

void scale(MatrixView<float> rows) {
  const double length = std::sqrt(kMeanSquare * static_cast<double>(rows.cols));
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    float* row = rows.row(i);
    double squares = 0;
    for (std::int64_t j = 0; j < rows.cols; ++j) squares += static_cast<double>(row[j]) * row[j];
    if (squares == 0) continue;
    // Not as a factor in float32: that of tiny rows would overflow.
    const double factor = length / std::sqrt(squares);
    for (std::int64_t j = 0; j < rows.cols; ++j) row[j] = static_cast<float>(row[j] * factor);
  }
}

}  // namespace

ScaledRows::ScaledRows(Context& context, MatrixView<const float> rows, RowScaling scaling)
    : view_(rows) {
  if (rows.empty()) {
    view_.device = context.device();
    return;
  }
  if (scaling == RowScaling::none) {
    if (rows.device == context.device()) return;
    copy_ = Matrix<float>::copy_of(context, rows);
  } else {
    Matrix<float> host(rows.rows, rows.cols);
    copy<float>(context, rows, host.view());
    scale(host);
    copy_ = context.device() == Device::cpu ? std::move(host) : host.to_device(context);
  }
  view_ = copy_;
}

}  // namespace clipk
