#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

// Corrections for hubs. Each is one number per candidate, added to its cosine with any query
// (retrieval_with_bias): it lowers candidates that are near to everything. It is computed from a
// bank of queries. If the bank is the test queries themselves, the correction is transductive: it
// looks at all test queries together, and the result of one depends on the others. With other
// queries as the bank, every test query is judged by itself.
namespace clipk {

/// CSLS (cross-domain similarity local scaling): minus half the mean of a candidate's k largest
/// cosines to the bank.
///
/// The other half of CSLS, the query's own mean, shifts all its candidates by the same amount and
/// changes no rank. Cosines are float64. Runs on the host whatever the context's device; the table
/// is never stored.
///
/// @param bank [b, d]  @param candidates [m, d]; rows of any length above 0
/// @return [m]
/// @throws Error if the widths differ, there is no candidate, k is not from 1 to min(b, 120), a
///   value is not finite, or a row has length zero.
/// Deterministic: yes, whatever the number of threads. Source: Conneau et al. 2018, Word
/// Translation without Parallel Data.
std::vector<double> csls_bias(Context& context, MatrixView<const float> bank,
                              MatrixView<const float> candidates, std::int64_t k = 10);

/// How sharp the table is that Sinkhorn's algorithm scales, and when the scaling ends.
struct SinkhornOptions {
  double beta = 50;                    ///< inverse temperature: the table is exp(beta cosine)
  std::int64_t max_iterations = 1000;  ///< each scales rows and columns
  double tolerance = 1e-6;             ///< of residual
};

/// A bias for every candidate, and how close the scaling came.
struct SinkhornBias {
  /// [m] log v_c / beta, v_c being the factor of candidate c's column; their mean is 0
  std::vector<double> bias;
  std::int64_t iterations = 0;  ///< number of iterations
  /// The largest relative error of a row's sum when the columns' sums are exact: at most the
  /// tolerance, unless max_iterations was reached first.
  double residual = 0;
};

/// Sinkhorn's matrix scaling: the table exp(beta cosine) [b, m] with its rows and columns scaled in
/// turn until all rows have the same sum and all columns have the same sum; in logarithms, so that
/// no beta overflows. A candidate near to everything gets a small factor.
///
/// Each iteration is two calls of log_sum_exp on the context's device: the table is computed again
/// each time, 4 b m d operations, and never stored. Cosines are float32, so a bias has an error of
/// 3e-7 on the CPU and in Precision::fp32. A tolerance below 3e-7 beta is finer than this error,
/// and one below about 5e-7 may not be reached.
///
/// @param bank [b, d], b >= 1  @param candidates [m, d], m >= 1; rows of any length above 0
/// @throws Error if the widths differ, a side is empty, beta is not above 0, max_iterations is not,
///   the tolerance is negative, a value is not finite, or a row has length zero.
/// Deterministic: yes, whatever the number of threads. Memory: a copy of both sides.
/// Source: Cuturi 2013, Sinkhorn Distances.
SinkhornBias sinkhorn_bias(Context& context, MatrixView<const float> bank,
                           MatrixView<const float> candidates, const SinkhornOptions& options = {});

}  // namespace clipk
