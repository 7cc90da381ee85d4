#pragma once

#include "clipk/models/autoencoder_network.hpp"

namespace clipk {

/// The decoder of an autoencoder, plain or variational: its widths are the shape's, the other way
/// round.
inline MlpOptions decoder_options(const AutoencoderShape& shape) {
  return {.widths = {shape.widths.rbegin(), shape.widths.rend()},
          .activation = shape.activation,
          .init = shape.init,
          .network = 1};
}

}  // namespace clipk
