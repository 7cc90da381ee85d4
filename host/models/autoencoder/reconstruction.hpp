#pragma once

#include <functional>

#include "clipk/core/matrix.hpp"
#include "clipk/models/autoencoder.hpp"
#include "clipk/train/mlp.hpp"

namespace clipk {

/// The mean over all values of (scaled row - decoder(its code))^2; 0 if there are no rows.
/// @param rows [n, d] on any device
/// @param encode fills the codes [m, decoder.inputs()] of scaled rows [m, d] on the
/// context's device
double reconstruction_error(
    Context& context, MatrixView<const float> rows, RowScaling scaling,
    const std::function<void(MatrixView<const float>, MatrixView<float>)>& encode,
    const Mlp& decoder);

/// The rows that a decoder makes of codes [n, decoder.inputs()] of any device.
/// @param model in messages
Matrix<float> decode(Context& context, const char* model, MatrixView<const float> codes,
                     const Mlp& decoder);

}  // namespace clipk
