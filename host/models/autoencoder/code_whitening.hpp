#pragma once

#include "clipk/models/autoencoder_network.hpp"

namespace clipk {

/// Turns codes to their principal axes on these rows and gives the axis of variance w the variance
/// w^(1 - share), with mean 0: a linear map that is put into the encoder's last layer, and its
/// inverse into the decoder's first one. Float64, on the host. Codes that are all equal stay.
/// @param rows [n, d] as the network takes them, on the context's device, n at least 2
void whiten_codes(Context& context, MatrixView<const float> rows, double share,
                  AutoencoderNetwork& network);

}  // namespace clipk
