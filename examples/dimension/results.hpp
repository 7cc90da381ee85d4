#pragma once

#include "dimension/findings.hpp"
#include "study/run.hpp"

namespace clipk::study {

/// Prints what the dimension study found.
void print_results(Run& run, const DimensionFindings& found);

/// Adds it to results.json: rows, one for each method, dimension and kind of set, `match`,
/// `smallest_dim`, `margin`, `intervals`; and quality.png.
void write_results(Run& run, const DimensionFindings& found);

}  // namespace clipk::study
