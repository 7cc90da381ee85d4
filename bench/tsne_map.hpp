#pragma once

#include "clipk/core/matrix.hpp"
#include "clipk/ops/tsne_attraction.hpp"

namespace clipk::bench {

/// A finished map: three square units per point, as for 10,000 images of Fashion-MNIST.
Matrix<float> tsne_map(std::int64_t n);

/// Affinities of 140 neighbours per point, as for perplexity 30 once P is symmetric.
struct TsneNeighbors {
  static constexpr std::int64_t kMean = 140;

  TsneNeighbors(Context& context, std::int64_t n);
  TsneAffinities p() const { return {starts.flat(), columns.flat(), values.flat()}; }

  Matrix<std::int64_t> starts;
  Matrix<std::int32_t> columns;
  Matrix<float> values;
};

/// Least memory traffic of the points and the affinities; a grid is a cost of the method and
/// not counted.
inline double tsne_bytes(std::int64_t n, bool affinities) {
  return static_cast<double>(n) * (16 + (affinities ? 8.0 * TsneNeighbors::kMean : 0));
}

}  // namespace clipk::bench
