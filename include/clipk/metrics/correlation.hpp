#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/factor.hpp"
#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"
#include "clipk/metrics/bootstrap.hpp"
#include "clipk/metrics/false_discovery.hpp"

namespace clipk {

/// Which correlation is computed.
enum class Correlation : std::uint8_t {
  pearson,   ///< of the values; with a feature of 0 and 1 it is the point-biserial correlation
  spearman,  ///< Pearson's correlation of the ranks; equal values share their mean rank
};

/// How correlations are computed and tested.
struct CorrelationOptions {
  Correlation kind = Correlation::pearson;                   ///< of values or of ranks
  FalseDiscovery rule = FalseDiscovery::benjamini_hochberg;  ///< how q follows from p
};

/// Every coordinate against every feature. Where a column is constant over the rows there is no
/// correlation: r is NaN, p and q are 1, and the adjustment to q does not count the test.
struct CorrelationTable {
  Matrix<double> r;    ///< [c, f] in [-1, 1], on the host as p and q
  Matrix<double> p;    ///< [c, f] two-sided, of r = 0
  Matrix<double> q;    ///< [c, f] p adjusted for the false discovery rate over the table
  std::int64_t n = 0;  ///< rows behind each r
};

/// Correlation of every column of `coordinates` with every column of `features`, as
/// scipy.stats.pearsonr, spearmanr and pointbiserialr.
///
/// The p-value is that of the t-test with n - 2 degrees of freedom: exact where one of the two is
/// normal and they are independent, an approximation for ranks (good from n = 10 or so).
///
/// Columns are centred first and products summed in float64, by blocks of rows: r has an absolute
/// error of rounding (below 1e-12 for a million rows) whatever the columns' offset and scale. Runs
/// on the host whatever the context's device (what lies on a GPU is copied).
/// Memory beside the arguments and the result: below 150 MB for pearson; for spearman below 1.3 GB
/// (less if the ranks of all columns need less) and 16 n bytes per thread.
///
/// @param coordinates [n, c]  @param features [n, f], 3 <= n <= 2^29
/// @throws Error if the numbers of rows differ, n is below 3 or above 2^29, or a value is not
///   finite. Deterministic: yes, for any number of threads.
CorrelationTable correlations(Context& context, MatrixView<const float> coordinates,
                              MatrixView<const float> features,
                              const CorrelationOptions& options = {});

/// Every coordinate against membership in one class: the point-biserial correlation, [c, 1].
///
/// @param classes [n], negative: not known, and the row is left out
/// @throws Error as correlations, also if no known row is of the class, or all are.
CorrelationTable point_biserial(Context& context, MatrixView<const float> coordinates,
                                std::span<const std::int32_t> classes, std::int32_t positive,
                                FalseDiscovery rule = FalseDiscovery::benjamini_hochberg);

/// A factor as columns of values, over the rows where it is known.
struct FeatureColumns {
  std::vector<std::string> names;  ///< [f]
  Matrix<float> values;            ///< [known, f], on the host
  std::vector<std::int64_t> rows;  ///< [known] the row of the factor that each is, ascending
};

/// Classes become a column of 0 and 1 for each class that occurs, "FACTOR = CLASS". Of two classes
/// only the second gets a column, as that of the first is its complement. Values stay as they are,
/// "FACTOR", or "FACTOR 1", "FACTOR 2" and so on where there are several.
/// @throws Error if a class is out of range, or fewer than two classes occur.
FeatureColumns feature_columns(const Factor& factor);

/// Every coordinate against one factor.
struct FactorCorrelations {
  std::vector<std::string> names;  ///< [f] of the features, as in FeatureColumns
  CorrelationTable table;          ///< n counts the rows where the factor is known
};

/// Every coordinate against every factor; rows where a factor is not known are left out for that
/// factor alone. q is over all the factors together.
///
/// @param coordinates [n, c]  @param factors each of n rows
/// @throws Error as correlations and feature_columns, with the factor's name.
std::vector<FactorCorrelations> factor_correlations(Context& context,
                                                    MatrixView<const float> coordinates,
                                                    std::span<const Factor> factors,
                                                    const CorrelationOptions& options = {});

/// Computes q anew, over all the tables as one family of tests.
void adjust_together(std::span<CorrelationTable* const> tables, FalseDiscovery rule);

/// One entry of a table.
struct CorrelationEntry {
  std::int64_t coordinate = 0;  ///< row of the table
  std::int64_t feature = 0;     ///< column of the table
  double r = 0;                 ///< as in the table
  double p = 1;                 ///< likewise
  double q = 1;                 ///< likewise
};

/// The `count` entries with the largest |r| (fewer if the table is smaller), equal ones in the
/// table's order; only those of one feature if one is given.
std::vector<CorrelationEntry> strongest(const CorrelationTable& table, std::int64_t count,
                                        std::int64_t feature = -1);

/// The two-sided p-value of a correlation r over n rows: I(1 - r^2; n / 2 - 1, 1 / 2), the
/// regularised incomplete beta function. 1 for NaN.
/// @throws Error if n is below 3 or r is outside [-1, 1].
double correlation_p_value(double r, std::int64_t n);

/// Confidence interval of a correlation by Fisher's transform, tanh(atanh r -+ z se), with se =
/// 1 / sqrt(n - 3), and for spearman sqrt((1 + r^2 / 2) / (n - 3)) (Bonett and Wright,
/// Psychometrika 65, 2000). [-1, 1] where n is 3; NaN for NaN.
/// @throws Error if n is below 3, r is outside [-1, 1], or confidence is not inside (0, 1).
Interval correlation_interval(double r, std::int64_t n, double confidence = 0.95,
                              Correlation kind = Correlation::pearson);

}  // namespace clipk
