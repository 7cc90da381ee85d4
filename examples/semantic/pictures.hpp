#pragma once

#include "semantic/semantic_study.hpp"
#include "study/pictures/heatmap.hpp"

namespace clipk::study {

/// The cosine table. @param found has texts in it
Heatmap similarity_picture(const SemanticData& data, const SemanticFindings& found);

/// The strongest features of the last space, against its first components.
/// @param found has a space whose picture has features
Heatmap correlation_picture(const SemanticSettings& settings, const SemanticFindings& found);

}  // namespace clipk::study
