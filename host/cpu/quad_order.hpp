#pragma once

#include "clipk/ops/quad_order.hpp"

namespace clipk::cpu {

/// Ranks of d and the nearest of every query into `order`, whose matrices have their sizes and
/// whose options, rows and cols are set; its count and ties too.
void quad_order(Context& context, MatrixView<const float> d, QuadOrder& order);
void quad_order(Context& context, MatrixView<const double> d, QuadOrder& order);

}  // namespace clipk::cpu
