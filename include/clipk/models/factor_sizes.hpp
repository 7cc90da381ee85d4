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
  /// In proportion to the exponential of the correlation of a pair's two rows over all columns at
  /// once (as in Esser, Rombach and Ommer's code). As the correlation lies within [0, 1], no factor
  /// gets more than e times as many columns as another, and the residual gets the most.
  softmax,
  /// As many columns as the two rows of a pair have in common. The canonical variates of pairs,
  /// computed from the columns and their products, are examined in descending order of correlation;
  /// one counts unless earlier ones already explain it (a one-dimensional factor along a curve has
  /// many correlated variates).
  correlations,
};
/// The name that files and options use.
const char* to_string(SizeRule rule);
/// The value of a name of to_string. @throws Error that lists the names.
SizeRule size_rule_named(std::string_view name);

/// How factor_sizes counts.
struct FactorSizeOptions {
  SizeRule rule = SizeRule::correlations;  ///< how the columns are counted
  std::int64_t pairs = 20'000;             ///< of each factor, used for the estimate

  // For `correlations`. A variate is examined while its correlation is above the largest one of
  // rows paired at random and above `least_share` of the first one's. It counts if nearest
  // neighbours, found by the variates that count already, explain less than `most_told` of the part
  // of it that pairs share.
  std::int64_t shuffles = 3;  ///< how often rows are paired at random for comparison
  double least_share = 0.5;   ///< see above
  double most_told = 0.5;     ///< see above
  /// Number of principal components whose products are used; fewer if there are less than ten
  /// rows per feature.
  std::int64_t product_columns = 24;
  double ridge = 1e-6;  ///< of the mean variance, added to each
};

/// The result of factor_sizes.
struct FactorSizes {
  std::vector<std::int64_t> sizes;  ///< [F + 1]: of every factor, then the residual's
  /// [F] softmax: s = sum over columns of cov(a, b) / sum of variances; correlations: the largest.
  std::vector<double> scores;
  /// For `correlations`: by factor, all canonical correlations in descending order (as many as
  /// there are directions in which rows and their products vary).
  std::vector<std::vector<double>> correlations;
  std::vector<double> thresholds;  ///< [F] the largest correlation of rows paired at random
};

/// Sizes of the blocks of a code from pairs of rows. Directions in which rows do not vary (constant
/// columns, or fewer rows than columns) take no part. Every factor gets at least one column; if the
/// factors need more columns than there are, those that need most give up columns first.
///
/// @param rows [n, D] on any device: the input of the code
/// @param pairs of these rows
/// @throws Error if the rows are not the pairs', a value is not finite, there are more factors than
///   columns, or an option makes no sense. Deterministic: yes.
FactorSizes factor_sizes(Context& context, MatrixView<const float> rows, const FactorPairs& pairs,
                         const FactorSizeOptions& options = {});

}  // namespace clipk
