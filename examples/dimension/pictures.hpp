#pragma once

#include "dimension/findings.hpp"
#include "study/pictures/chart.hpp"

namespace clipk::study {

/// Top-1 retrieval of every method by dimension, with the interval of its change as a band, and the
/// level of the rows as they are.
/// @param held_out of pairs that the maps have not seen  @param image_query image to text
Panel dimension_panel(const DimensionFindings& found, bool held_out, bool image_query);

/// All panels there are, side by side.
Figure dimension_figure(const DimensionFindings& found);

/// Top-1 retrieval by bytes of a stored vector, a line for each storage: of paired axes, or of the
/// first method where these were not tried.
Figure size_figure(const DimensionFindings& found);

}  // namespace clipk::study
