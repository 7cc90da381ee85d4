#include "models/autoencoder/conditioned_rows.hpp"

#include <cmath>

#include "core/host_rows.hpp"
#include "linalg/column_products.hpp"

namespace clipk {
namespace {

// Rows within these bounds are used as they are, such as images from 0 to 1 and rows of one
// length (RowScaling).
constexpr double kLeastVariance = 1.0 / 128, kMostVariance = 4;
constexpr double kMostOffset = 16;  // mean square of the columns' means, in units of the variance

MatrixView<float> as_row(VectorView<float> vector) {
  return {vector.data, 1, vector.size, vector.device};
}

}  // namespace

ConditionedRows::ConditionedRows(Context& context, MatrixView<const float> rows) : view_(rows) {
  const HostRows<float> host(context, rows);
  ColumnSpread moments = column_spread(context.threads(), {host.view()}, "autoencoder");
  double squares = 0, offset = 0;
  for (std::size_t j = 0; j < moments.means.size(); ++j) {
    squares += moments.squares[j];
    offset += moments.means[j] * moments.means[j];
  }
  const auto columns = static_cast<double>(rows.cols);
  variance_ = squares / columns / static_cast<double>(rows.rows);
  offset /= columns;
  const bool near = variance_ >= kLeastVariance && variance_ <= kMostVariance;
  if (variance_ == 0 || (near && offset <= kMostOffset * variance_)) return;

  int exponent = 0;  // variance = [1/2, 1) 2^exponent
  std::frexp(variance_, &exponent);
  factor_ = std::ldexp(1.0, -(exponent + 2) / 2);
  means_ = std::move(moments.means);
  Matrix<float> result(rows.rows, rows.cols);
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    const float* const row = host.view().row(i);
    for (std::int64_t j = 0; j < rows.cols; ++j) {
      result(i, j) = static_cast<float>((row[j] - means_[static_cast<std::size_t>(j)]) * factor_);
    }
  }
  variance_ *= factor_ * factor_;
  copy_ = context.device() == Device::cpu ? std::move(result) : result.to_device(context);
  view_ = copy_;
}

void ConditionedRows::restore(Context& context, Mlp& encoder, Mlp& decoder) const {
  if (means_.empty()) return;
  // W factor (x - mean) + b.
  const HostRows<float> first(context, encoder.weight(0));
  const HostRows<float> first_bias(context, as_row(encoder.bias(0)));
  Matrix<float> weight(first.view().rows, first.view().cols), bias(1, first.view().rows);
  for (std::int64_t i = 0; i < weight.rows(); ++i) {
    double sum = 0;
    for (std::int64_t j = 0; j < weight.cols(); ++j) {
      const double scaled = first.view()(i, j) * factor_;
      weight(i, j) = static_cast<float>(scaled);
      sum += scaled * means_[static_cast<std::size_t>(j)];
    }
    bias(0, i) = static_cast<float>(first_bias.view()(0, i) - sum);
  }
  copy<float>(context, weight, encoder.weight(0));
  copy<float>(context, bias, as_row(encoder.bias(0)));

  // (W h + b) / factor + mean.
  const int last = decoder.layers() - 1;
  Matrix<float> out = Matrix<float>(decoder.weight(last).rows, decoder.weight(last).cols);
  Matrix<float> out_bias(1, out.rows());
  copy<float>(context, decoder.weight(last), out.view());
  copy<float>(context, as_row(decoder.bias(last)), out_bias.view());
  for (float& value : out.flat()) value = static_cast<float>(value / factor_);
  for (std::int64_t j = 0; j < out.rows(); ++j) {
    out_bias(0, j) =
        static_cast<float>(out_bias(0, j) / factor_ + means_[static_cast<std::size_t>(j)]);
  }
  copy<float>(context, out, decoder.weight(last));
  copy<float>(context, out_bias, as_row(decoder.bias(last)));
}

}  // namespace clipk
