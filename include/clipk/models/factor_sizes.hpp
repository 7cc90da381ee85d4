#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"
#include "clipk/models/factor_pairs.hpp"

namespace clipk {

/// How many columns of a code each factor gets; the rest is the residual's.
enum class SizeRule : std::uint8_t {
  /// By the exponential of how far the two rows of a pair go together, over all columns at once
  /// (Esser, Rombach and Ommer's code). As that lies within [0, 1], no factor gets more than e
  /// times what another one gets, and the residual the most.
  softmax,
  /// As many numbers as it takes to say what the two rows of a pair share. Canonical variates of
  /// pairs, of the columns and their products, are taken in falling order of their correlation; one
  /// counts unless those counted before already tell it (a factor of one number, on a curve, has
  /// many correlated variates).
  correlations,
};
/// The name that files and options use.
const char* to_string(SizeRule rule);
/// By the name that to_string gives. @throws Error that lists the names.
SizeRule size_rule_named(std::string_view name);

/// How factor_sizes counts.
struct FactorSizeOptions {
  SizeRule rule = SizeRule::correlations;  ///< which way of counting
  std::int64_t pairs = 20'000;             ///< of each factor, that it is estimated from

  // Of `correlations`. A variate takes part while its correlation is above the largest of torn
  // pairs and above `least_share` of the first one's. It counts if the nearest neighbours among
  // those that count explain less than `most_told` of what pairs share of it.
  std::int64_t shuffles = 3;  ///< how often pairs are torn apart for comparison
  double least_share = 0.5;   ///< see above
  double most_told = 0.5;     ///< see above
  /// Principal components whose products are taken: fewer where rows are less than ten a feature.
  std::int64_t product_columns = 24;
  double ridge = 1e-6;  ///< of the mean variance, added to each
};

/// What factor_sizes found.
struct FactorSizes {
  std::vector<std::int64_t> sizes;  ///< [F + 1]: of every factor, then the residual's
  /// [F] softmax: s = sum over columns of cov(a, b) / sum of variances; correlations: the largest.
  std::vector<double> scores;
  /// Of `correlations`: by factor, all canonical correlations downwards (as many as there are
  /// directions in which rows and their products vary), and the largest of torn
  /// pairs.
  std::vector<std::vector<double>> correlations;
  std::vector<double> thresholds;  ///< [F] the largest correlation of torn pairs
};

/// Sizes of the blocks of a code from pairs of rows. Directions in which rows do not vary (constant
/// columns, or fewer rows than columns) take no part. Every factor gets one column at least; where
/// all together want more than there are, those that want most give up columns first.
///
/// @param rows [n, D] on any device: what the code is made from
/// @param pairs of these rows
/// @throws Error if the rows are not the pairs', a value is not finite, there are more factors than
///   columns, or an option makes no sense. Deterministic: yes.
FactorSizes factor_sizes(Context& context, MatrixView<const float> rows, const FactorPairs& pairs,
                         const FactorSizeOptions& options = {});

}  // namespace clipk
