#include "models/autoencoder/scaled_rows.hpp"

#include <algorithm>
#include <cmath>

namespace clipk {
namespace {

constexpr double kMeanSquare = 0.2;  // of a row's values
constexpr double kRounding = 1e-12;

void scale(MatrixView<float> rows, bool centred) {
  const auto columns = static_cast<double>(rows.cols);
  const double length = std::sqrt(kMeanSquare * columns);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    float* row = rows.row(i);
    double mean = 0, squares = 0, largest = 0;
    if (centred) {
      for (std::int64_t j = 0; j < rows.cols; ++j) mean += row[j];
      mean /= columns;
    }
    for (std::int64_t j = 0; j < rows.cols; ++j) {
      squares += (row[j] - mean) * (row[j] - mean);
      largest = std::max(largest, std::fabs(static_cast<double>(row[j])));
    }
    // A constant row minus its mean is only rounding errors, so it becomes zeros.
    const bool flat = std::sqrt(squares / columns) <= kRounding * largest;
    // Not by a factor in float32, which would overflow for tiny rows.
    const double factor = flat ? 0 : length / std::sqrt(squares);
    for (std::int64_t j = 0; j < rows.cols; ++j) {
      row[j] = static_cast<float>((row[j] - mean) * factor);
    }
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
    scale(host, scaling == RowScaling::standardized);
    copy_ = context.device() == Device::cpu ? std::move(host) : host.to_device(context);
  }
  view_ = copy_;
}

}  // namespace clipk
