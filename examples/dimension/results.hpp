#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "clipk/metrics/bootstrap.hpp"
#include "dimension/outcome.hpp"
#include "study/chart.hpp"
#include "study/pair_checks.hpp"
#include "study/study.hpp"

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
  std::int64_t all_epochs = 0, split_epochs = 0;  ///< of a network, together; 0: its start
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
  bool trained = true;  ///< false of a network whose start was best, in every split
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
  PairMatch match = {.shown = true};  ///< of all pairs
  std::vector<DimensionChange> changes = {};
};

/// Why no dimension can be called safe in this data, whatever was measured; empty where one can.
/// Pairs must be shown to match. Without one query that lost its partner among n, up to 3 in n may
/// (95 %); and a loss of the margin is a small one only beside a share that is several times
/// larger.
std::string cannot_be_safe(const DimensionFindings& found);
/// "2 points", of a share.
std::string points(double share);

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
  Json smallest_dims(bool can_be_safe) const;
  Figure figure() const;

  Context& context_;
  Result baseline_;
  std::vector<Split> splits_;
  double margin_;
  std::vector<std::string> methods_;  // in the order they came
  std::vector<DimensionChange> changes_;
};

}  // namespace clipk::study
