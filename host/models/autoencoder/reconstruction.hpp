#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>

#include "clipk/core/matrix.hpp"
#include "clipk/models/autoencoder.hpp"
#include "clipk/train/mlp.hpp"

namespace clipk {

/// f(first, count) for pieces of many rows, so that what is computed of them need not fit at once.
template <class F>
void for_row_pieces(std::int64_t rows, F&& f) {
  constexpr std::int64_t kPieceRows = 8192;
  for (std::int64_t first = 0; first < rows; first += kPieceRows) {
    f(first, std::min(kPieceRows, rows - first));
  }
}

/// The mean over all values of (scaled row - decoder(code of it))^2; 0 of no rows.
/// @param rows [n, d] on any device
/// @param encode fills the codes [m, decoder.inputs()] of scaled rows [m, d] of the context's
/// device
double reconstruction_error(
    Context& context, MatrixView<const float> rows, RowScaling scaling,
    const std::function<void(MatrixView<const float>, MatrixView<float>)>& encode,
    const Mlp& decoder);

}  // namespace clipk
