#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "clipk/core/memory.hpp"
#include "clipk/ops/quad_order.hpp"

namespace clipk::gpu {

/// What is counted while ranks are made.
struct QuadOrderTotals {
  unsigned long long count;       ///< quadruples
  unsigned long long ties;        ///< distances that share the rank of another one
  unsigned long long not_finite;  ///< distances
};

/// Ranks and nearest into the matrices of `order`, which have their sizes; its options, rows and
/// cols are set. totals [1] on the device: overwritten.
void quad_order(const TargetDistances& target, QuadOrder& order, QuadOrderTotals* totals,
                Context& context);

}  // namespace clipk::gpu
