#pragma once

#include <vector>

#include "factor/findings.hpp"
#include "study/pictures/chart.hpp"
#include "study/pictures/heatmap.hpp"
#include "study/pictures/picture_grid.hpp"

namespace clipk::study {

/// Edited pictures, and the share of the edits that leave the range of the training rows.
struct EditPicture {
  PictureGrid grid;
  std::vector<Matrix<float>> decoded;  ///< what the grid shows
  double flagged = 0;
};

/// Held-out pictures with one component of the interpreted code after another set to some values.
EditPicture sweep_picture(Context& context, const FactorModels& models);
/// Pairs of held-out pictures with one block after another exchanged.
EditPicture swap_picture(Context& context, const FactorModels& models);
/// How well every factor is read from every block.
Heatmap leakage_picture(const FactorModels& models);
/// The losses of both trainings; without panels where neither has several epochs.
Figure training_picture(const FactorModels& models);

}  // namespace clipk::study
