#pragma once

#include "factor/findings.hpp"
#include "study/run.hpp"

namespace clipk::study {

/// Prints what the factor study found, and adds it to results.json, with pictures.
void write_results(Run& run, const FactorModels& models, const FactorFindings& found);

}  // namespace clipk::study
