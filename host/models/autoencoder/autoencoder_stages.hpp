#pragma once

#include <vector>

#include "models/autoencoder/autoencoder_problem.hpp"

namespace clipk {

struct AutoencoderTraining {
  std::vector<double> losses;                     // of every epoch of the whole network
  std::vector<std::vector<double>> layer_losses;  // of every layer's own training
};

/// Runs the trainings of an autoencoder one after the other: of each layer alone if the options say
/// so, then of the whole network.
AutoencoderTraining train_autoencoder(Context& context, const AutoencoderRows& rows,
                                      const AutoencoderOptions& options,
                                      AutoencoderNetwork& network);

}  // namespace clipk
