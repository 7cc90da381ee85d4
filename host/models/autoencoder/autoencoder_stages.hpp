#pragma once

#include <vector>

#include "models/autoencoder/autoencoder_problem.hpp"

namespace clipk {

struct AutoencoderTraining {
  std::vector<double> losses;                     // of every epoch of the whole net
  std::vector<std::vector<double>> layer_losses;  // of every layer's own training
};

/// The trainings of an autoencoder, one after the other: of every layer alone where options say so,
/// then of the whole net.
AutoencoderTraining train_autoencoder(Context& context, const AutoencoderRows& rows,
                                      const AutoencoderOptions& options,
                                      AutoencoderNetwork& network);

}  // namespace clipk
