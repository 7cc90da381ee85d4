#include "models/autoencoder/reconstruction.hpp"

#include <string>

#include "clipk/ops/mse_loss.hpp"
#include "core/check.hpp"
#include "core/row_pieces.hpp"
#include "models/autoencoder/scaled_rows.hpp"

namespace clipk {

double reconstruction_error(
    Context& context, MatrixView<const float> rows, RowScaling scaling,
    const std::function<void(MatrixView<const float>, MatrixView<float>)>& encode,
    const Mlp& decoder) {
  Matrix<double> sum(context, 1, 1);
  for_row_pieces(rows.rows, [&](std::int64_t first, std::int64_t count) {
    const ScaledRows target(context, rows.row_range(first, count), scaling);
    Matrix<float> codes(context, count, decoder.inputs()), back(context, count, decoder.outputs());
    encode(target, codes);
    decoder.transform(context, codes, back);
    mse_loss(context, back, target, static_cast<float>(count), sum.flat(), {});
  });
  return rows.rows == 0 ? 0 : sum.to_host(context)(0, 0) / static_cast<double>(rows.rows);
}

Matrix<float> decode(Context& context, const char* model, MatrixView<const float> codes,
                     const Mlp& decoder) {
  if (codes.cols != decoder.inputs()) {
    check::fail(model, "codes of width " + std::to_string(decoder.inputs()),
                std::to_string(codes.cols));
  }
  Matrix<float> rows(context, codes.rows, decoder.outputs());
  decoder.transform(context, ScaledRows(context, codes), rows);
  return rows;
}

}  // namespace clipk
