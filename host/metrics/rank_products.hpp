#pragma once

#include <vector>

#include "linalg/column_products.hpp"

namespace clipk {

/// centred_products of the columns' ranks (equal values share the mean of theirs), each doubled so
/// that it is whole; x_squares [c] and y_squares [f] are the ranks' own sums of squares.
void rank_products(int threads, const ChosenRows& x, const ChosenRows& y,
                   MatrixView<double> products, std::vector<double>& x_squares,
                   std::vector<double>& y_squares);

}  // namespace clipk
