#pragma once

#include <cstdint>
#include <span>

#include "clipk/core/context.hpp"
#include "clipk/metrics/interval.hpp"

namespace clipk {

/// How intervals are drawn.
struct BootstrapOptions {
  std::int64_t resamples = 10000;  ///< draws of n rows with replacement
  double confidence = 0.95;        ///< of the interval, inside (0, 1)
  std::uint64_t seed = 0;          ///< behind the draws
};

/// Percentile bootstrap of the difference mean(a) - mean(b) of two measurements of the same n
/// queries (for example hits of two embeddings). Queries are drawn with replacement, each with both
/// of its measurements, so that their common part cancels.
///
/// Draw t of resample r is word t % 4 of random_block(seed, bootstrap, r, t / 4), mapped by
/// random_below. The interval runs between the (1 -+ confidence) / 2 quantiles of the resampled
/// differences, interpolated linearly between order statistics.
///
/// @param a [n]  @param b [n]
/// @throws Error if the sizes differ or are 0, a value is not finite, resamples < 1, or confidence
///   is not inside (0, 1). Deterministic: yes. Runs on the host.
/// Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
Interval paired_bootstrap(Context& context, std::span<const double> a, std::span<const double> b,
                          const BootstrapOptions& options = {});

/// The same of queries that belong together, as the texts of one image, which are not independent:
/// whole groups are drawn with replacement, as many as there are, each with all its queries. The
/// value of a resample is the sum of a - b over all queries drawn, divided by their number. Draws
/// are those above, of groups in the order of their first query; where every query stands alone,
/// the interval is the one above.
///
/// @param a [n]  @param b [n]  @param groups [n] the group of each query, from 0
/// @throws Error as above, and if groups is of another size or has a negative entry.
/// Deterministic: yes. Runs on the host.
/// Source: Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8.
Interval paired_bootstrap(Context& context, std::span<const double> a, std::span<const double> b,
                          std::span<const std::int64_t> groups,
                          const BootstrapOptions& options = {});

}  // namespace clipk
