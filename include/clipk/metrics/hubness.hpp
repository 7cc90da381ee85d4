#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"

namespace clipk {

/// How unevenly queries find the candidates. A hub is a candidate among the top k of very many
/// queries; it displaces the right answers.
struct Hubness {
  std::int64_t k = 0;  ///< the k of the call
  /// [m] number of queries that have the candidate in their top k; the sum of all is k n
  std::vector<std::int32_t> occurrences;
  /// Third standardised moment of the occurrences (of the population, as scipy.stats.skew): 0 for
  /// no hubs, and if all occurrences are equal; above 1 for strong hubs.
  double skew = 0;
  double never = 0;       ///< share of the candidates that are in no top k
  std::int32_t most = 0;  ///< occurrences of the largest hub
};

/// The k-occurrences of m candidates among the k nearest of n queries by cosine. The other
/// direction is the same with the arguments exchanged.
///
/// Float64 decides which candidates are nearest, and ties go to the lower index. Runs on the host
/// whatever the context's device, in blocks of queries: the n x m table is never stored.
///
/// @param queries [n, d], n >= 1  @param candidates [m, d]; rows of any length above 0
/// @throws Error if the widths differ, there is no query, k is not from 1 to min(m, 120), a value
///   is not finite, or a row has length zero.
/// Deterministic: yes, whatever the number of threads. Source: Radovanovic et al. 2010,
/// Hubs in Space.
Hubness hubness(Context& context, MatrixView<const float> queries,
                MatrixView<const float> candidates, std::int64_t k = 10);

}  // namespace clipk
