#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"

namespace clipk {

/// How denoise_manifold averages.
struct ManifoldDenoisingOptions {
  std::int64_t neighbors = 20;   ///< of a row, including itself: 2 to 128
  std::int64_t iterations = 30;  ///< of averaging; neighbours are always those of the original rows
};

/// Every row replaced by the mean of its nearest rows (Euclidean, itself included), several times:
/// rows between clusters move into one of them, so that k-means separates clusters better. Needs
/// no labels.
///
/// The search runs on the context's device, the means (float64 sums) on the host.
/// @param rows [n, d] on any device; n at least options.neighbors  @returns [n, d] on the host
/// @throws Error if an option is out of range, there are too few rows or a value is not finite.
/// Deterministic: yes. Source: Hein and Maier, NIPS 2006 (with equal weights).
Matrix<float> denoise_manifold(Context& context, MatrixView<const float> rows,
                               const ManifoldDenoisingOptions& options = {});

}  // namespace clipk
