#pragma once

#include <string>

#include "semantic/semantic_study.hpp"

namespace clipk::study {

/// Prints what the semantic study found.
void print_results(Run& run, const SemanticData& data, const SemanticSettings& settings,
                   const SemanticFindings& found);

/// Adds it to results.json, and similarity.png and correlation.png. What could not be measured is
/// not there.
void write_results(Run& run, const SemanticData& data, const SemanticSettings& settings,
                   const SemanticFindings& found);

}  // namespace clipk::study
