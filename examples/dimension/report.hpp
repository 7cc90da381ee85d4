#pragma once

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
};

/// The halves of a split, as rows of all pairs.
struct Split {
  std::vector<std::int64_t> train, held;
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

 private:
  /// The change of top-1 against the baseline.
  struct Change {
    std::string method;
    int dim = 0;
    bool held_out = false;
    Interval i2t, t2i;
  };

  void add_rows(Run& run, const Result& result) const;
  Hits hits(const Result& result, bool held_out) const;
  Json smallest_dims() const;
  Figure figure() const;

  Context& context_;
  Result baseline_;
  std::vector<Split> splits_;
  double margin_;
  std::vector<std::string> methods_;  // in the order they came
  std::vector<Change> changes_;
};

}  // namespace clipk::study
