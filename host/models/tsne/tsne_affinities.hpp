#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"

// The neighbours of t-SNE and their affinities; all on the host.
namespace clipk::tsne {

struct Neighbors {
  Matrix<std::int32_t> indices;  // [m, k], nearest first
  Matrix<float> distances;       // [m, k], squared
};

/// The k nearest of `database` [n, d] for every row of `queries` [m, d], both on the context's
/// device; with `within` the queries are the database and no row is its own neighbour.
/// 1 <= k <= n - within. Beyond the 128 of `nearest`, from stored blocks of distances.
Neighbors find_neighbors(Context& context, MatrixView<const float> queries,
                         MatrixView<const float> database, bool within, std::int64_t k);

/// A sparse matrix by rows, as TsneAffinities.
struct Affinities {
  std::vector<std::int64_t> starts;
  std::vector<std::int32_t> columns;
  std::vector<float> values;

  double mass() const;                    ///< sum of p
  double sum_p_log_p(int threads) const;  ///< in nats
};

/// p_j|i of every row: exp(-beta_i d_ij^2) over its neighbours, divided by their sum, with beta_i
/// such that the entropy is log(perplexity), or as near as the distances allow. Rows sum to one.
Affinities conditional_affinities(int threads, const Neighbors& neighbors, double perplexity);

/// (p + p^T) / 2n of square conditional affinities; columns of a row ascend.
Affinities joint_affinities(int threads, const Affinities& conditional);

}  // namespace clipk::tsne
