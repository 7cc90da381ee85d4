#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/metric.hpp"
#include "clipk/core/view.hpp"

// How well codes keep the distances, the order of distances and the neighbours of their rows.
// docs/dimension_study.md gives the definitions with their reasons.
//
// Everything here runs on the host in float64 whatever the context's device; rows on a GPU are
// copied. Results do not depend on the number of threads. Every function throws Error if shapes do
// not match or a value is not finite.
namespace clipk {

/// The distances of one block, given by rows of one space: within one set the n (n - 1) / 2
/// distances of rows i < j, between two sets all n m distances.
struct DistanceBlock {
  MatrixView<const float> x;          ///< [n, d]
  MatrixView<const float> y = {};     ///< [m, d]; empty for the distances within x
  Metric metric = Metric::euclidean;  ///< of d_ij or e_ij
};

/// Kruskal's Stress-1 at the best scale: min over a of sqrt(sum (d_ij - a e_ij)^2 / sum d_ij^2),
/// from 0 (the codes keep all distances up to one factor) to 1.
///
/// @param high rows whose distances are d  @param low codes whose distances are e, the same block
/// @throws Error also if all d_ij are zero. The matrix of distances is never stored as a whole.
/// Source: Kruskal 1964.
double stress1(Context& context, const DistanceBlock& high, const DistanceBlock& low);

/// Kendall distance: the share of pairs of distances that come in the opposite order in d and e,
/// ties half. Exact, over all M distances of the block:
///   sum over the M (M - 1) / 2 pairs of distances (1 if opposite, 1/2 if d or e ties, else 0)
/// divided by their number. This is (1 - Kendall's tau_a) / 2: 0 for the same order, 1/2 for chance
/// or if all codes are equal, 1 for the reverse order. Distances are compared as float32.
///
/// O(M log M) time and 16 M bytes: 12.5 million distances (n = 5000) take 200 MB.
/// @throws Error also if there are fewer than 2 distances, or less memory than that is available
/// (sampled_kendall_distance stores no distances).
double kendall_distance(Context& context, const DistanceBlock& high, const DistanceBlock& low);
/// The same for given distances.  @param d [M]  @param e [M], on the host, none negative
double kendall_distance(Context& context, VectorView<const float> d, VectorView<const float> e);

/// A Kendall distance that was estimated from a sample.
struct SampledKendallDistance {
  double distance = 0;        ///< the estimate
  double standard_error = 0;  ///< standard error of the estimate
};

/// Estimates kendall_distance from `count` quadruples, each two different distances of the block
/// drawn uniformly from Philox (seed, stream kendall_distance). It stores no distances, for blocks
/// that do not fit into memory.
SampledKendallDistance sampled_kendall_distance(Context& context, const DistanceBlock& high,
                                                const DistanceBlock& low, std::int64_t count,
                                                std::uint64_t seed);

/// Trustworthiness: whether the k nearest neighbours among the codes are also near among the rows,
///   1 - 2 / (n k (2 n - 3 k - 1)) sum_i sum over j in the k nearest codes of i of max(0, r_ij - k)
/// with r_ij the rank of row j by distance from row i, the nearest other row having rank 1. 1 is
/// perfect. Among equal distances the lower index is the nearer. With the two arguments exchanged
/// it is the continuity. Equal to scikit-learn's.
///
/// @param high [n, d]  @param low [n, q]
/// @throws Error also if k is not from 1 to (n - 1) / 2.
/// Source: Venna and Kaski 2001.
double trustworthiness(Context& context, MatrixView<const float> high, MatrixView<const float> low,
                       std::int64_t k);

}  // namespace clipk
