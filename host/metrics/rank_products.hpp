#pragma once

#include <vector>

#include "linalg/column_products.hpp"

namespace clipk {

/// centred_products of the columns' ranks (equal values share the mean of theirs), each doubled so
/// that it is an integer; x_squares [c] and y_squares [f] are the sums of squares of the ranks.
void rank_products(int threads, const ChosenRows& x, const ChosenRows& y,
                   MatrixView<double> products, std::vector<double>& x_squares,
                   std::vector<double>& y_squares);

}  // namespace clipk
