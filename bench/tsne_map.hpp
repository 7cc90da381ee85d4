#pragma once

#include "clipk/core/matrix.hpp"
#include "clipk/ops/tsne_attraction.hpp"

namespace clipk::bench {

/// A finished map: three square units a point, as 10,000 images of Fashion-MNIST have.
Matrix<float> tsne_map(std::int64_t n);

/// Affinities of 140 neighbours a point, what perplexity 30 comes to once P is symmetric.
struct TsneNeighbors {
  static constexpr std::int64_t kMean = 140;

  TsneNeighbors(Context& context, std::int64_t n);
  TsneAffinities p() const { return {starts.flat(), columns.flat(), values.flat()}; }

  Matrix<std::int64_t> starts;
  Matrix<std::int32_t> columns;
  Matrix<float> values;
};

/// Least traffic of the points, and of the affinities: a grid is the method's own cost.
inline double tsne_bytes(std::int64_t n, bool affinities) {
  return static_cast<double>(n) * (16 + (affinities ? 8.0 * TsneNeighbors::kMean : 0));
}

}  // namespace clipk::bench
