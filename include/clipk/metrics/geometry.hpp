#pragma once

#include <cstdint>

#include "clipk/core/context.hpp"
#include "clipk/core/metric.hpp"
#include "clipk/core/view.hpp"

// How well codes keep the distances, the order of distances and the neighbours of the rows they
// stand for. docs/dimension_study.md gives the definitions with their reasons.
//
// All of it runs on the host in float64 whatever the context's device; rows on a GPU are copied.
// Results do not depend on the number of threads. Every function throws Error if shapes do not
// match or a value is not finite.
namespace clipk {

/// The pairs of one block, as rows of one space: within one set the n (n - 1) / 2 pairs i < j,
/// between two sets all n m pairs.
struct DistanceBlock {
  MatrixView<const float> x;          ///< [n, d]
  MatrixView<const float> y = {};     ///< [m, d]; empty for the pairs within x
  Metric metric = Metric::euclidean;  ///< of d_ij or e_ij
};

/// Kruskal's Stress-1 at the best scale: min over a of sqrt(sum (d_ij - a e_ij)^2 / sum d_ij^2),
/// from 0 (the codes keep all distances up to one factor) to 1.
///
/// @param high rows whose distances are d  @param low codes whose distances are e, the same block
/// @throws Error also if all d_ij are zero. Memory: O(n) rows of distances. Source: Kruskal 1964.
double stress1(Context& context, const DistanceBlock& high, const DistanceBlock& low);

/// Share of all pairs of pairs that d and e put in different order, exactly: with M pairs,
///   sum over the M (M - 1) / 2 pairs of pairs of (1 where opposite, 1/2 where d or e ties, else 0)
/// divided by their number. That is (1 - Kendall's tau_a) / 2: 0 for the same order, 1/2 for chance
/// or for codes all equal, 1 for the reverse. Distances are compared as float32.
///
/// O(M log M) time and 16 M bytes: 12.5 million pairs (n = 5000) take 200 MB.
/// @throws Error also if there are fewer than 2 pairs, or less memory than that is left to the
/// process (sampled_kendall_distance needs none).
double kendall_distance(Context& context, const DistanceBlock& high, const DistanceBlock& low);
/// The same for distances at hand.  @param d [M]  @param e [M], on the host, none negative
double kendall_distance(Context& context, VectorView<const float> d, VectorView<const float> e);

/// A Kendall distance that was estimated from a sample.
struct SampledKendallDistance {
  double distance = 0;        ///< the estimate
  double standard_error = 0;  ///< of the estimate, over samples
};

/// kendall_distance estimated from `count` quadruples: two different pairs of the block, uniformly
/// from Philox (seed, stream kendall_distance). Needs no memory: for blocks whose pairs do not fit.
SampledKendallDistance sampled_kendall_distance(Context& context, const DistanceBlock& high,
                                                const DistanceBlock& low, std::int64_t count,
                                                std::uint64_t seed);

/// Trustworthiness: how near the k nearest neighbours among the codes are among the rows,
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
