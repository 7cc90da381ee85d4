#pragma once

#include "clipk/metrics/correlation.hpp"
#include "linalg/column_products.hpp"

namespace clipk {

/// r and p of the chosen rows; q is left at zero; the caller adjusts p over a family of tests.
CorrelationTable chosen_correlations(Context& context, const char* op, const ChosenRows& x,
                                     const ChosenRows& y, Correlation kind);

}  // namespace clipk
