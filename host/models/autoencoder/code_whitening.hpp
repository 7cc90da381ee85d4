#pragma once

#include "clipk/models/autoencoder_network.hpp"

namespace clipk {

/// Rotates codes to their principal axes on these rows and gives an axis of variance w the variance
/// w^(1 - share), with mean 0. The linear map becomes part of the encoder's last layer, its inverse
/// part of the decoder's first one. Float64, on the host. Codes that are all equal are unchanged.
/// @param rows [n, d], the network's input, on the context's device, n at least 2
void whiten_codes(Context& context, MatrixView<const float> rows, double share,
                  AutoencoderNetwork& network);

}  // namespace clipk
