#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "chart.hpp"
#include "clipk/metrics/bootstrap.hpp"
#include "dimension/outcome.hpp"
#include "study.hpp"

namespace clipk::study {

/// The hits (rank 0) of every query in both directions. In a held-out split only some rows are
/// queries; a row's value is its mean over the splits that hold it out.
struct Hits {
  std::vector<double> i2t, t2i;
};

/// One method and dimension: what was measured on all pairs, and on both halves of every split.
struct Result {
  std::string method;
  int dim = 0;
  Measured all;
  std::vector<Measured> train, held;
  double all_seconds = 0, split_seconds = 0;
  bool failed = false;  ///< one of its fits did, so that it has no figures
};

/// The halves of a split, as rows of all pairs.
struct Split {
  std::vector<std::int64_t> train, held;
};

/// The change of top-1 of one method and dimension against the full one.
struct DimensionChange {
  std::string method;
  int dim = 0;
  bool held_out = false;  ///< of pairs that were not fitted
  Interval i2t, t2i;
};

/// What the dimension study has found.
struct DimensionFindings {
  std::int64_t pairs = 0;
  int dim = 0;  ///< of the rows as they are
  int splits = 0;
  double margin = 0;
  double i2t_top1 = 0, t2i_top1 = 0;  ///< of the rows as they are, all pairs
  /// The same among the pairs that a split holds out, which are fewer; NaN without splits.
  double held_i2t_top1 = NAN, held_t2i_top1 = NAN;
  std::vector<DimensionChange> changes = {};
};

/// Compares results with the baseline and writes them down.
class DimensionReport {
 public:
  /// @param baseline the rows as they are, in the same form as the results
  DimensionReport(Context& context, Result baseline, std::vector<Split> splits, double margin);

  /// Rows into results.json: one a result and split kind.
  void add(Run& run, const Result& result);
  void add_baseline(Run& run) { add_rows(run, baseline_); }
  /// Table, `smallest_dim`, `intervals` and quality.png.
  void finish(Run& run) const;
  DimensionFindings findings() const;

 private:
  void add_rows(Run& run, const Result& result) const;
  Hits hits(const Result& result, bool held_out) const;
  Json smallest_dims() const;
  Figure figure() const;

  Context& context_;
  Result baseline_;
  std::vector<Split> splits_;
  double margin_;
  std::vector<std::string> methods_;  // in the order they came
  std::vector<DimensionChange> changes_;
};

}  // namespace clipk::study
