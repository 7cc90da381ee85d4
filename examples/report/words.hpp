#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clipk/metrics/bootstrap.hpp"
#include "cluster/findings.hpp"
#include "dimension/findings.hpp"
#include "factor/findings.hpp"
#include "report/page.hpp"
#include "semantic/semantic_study.hpp"

// What the studies found, in sentences that hold for any figures. Plain text, not HTML.
namespace clipk::study {

/// "55.2 %"; "-" of NaN.
std::string percent_text(double share, int digits = 1);
/// With its sign, which is a real minus; zero without one.
std::string signed_text(double value, int digits = 1);
/// Without a plus, else the same.
std::string plain_text(double value, int digits);
/// "-0.2 points (95 % interval -3.0 to +2.6)", of shares.
std::string change_text(const Interval& change);

/// "1 dimension", "7 dimensions".
std::string dimensions(std::int64_t count);

/// Rows below which intervals are too wide to tell much.
inline constexpr std::int64_t kFewRowsForReport = 100;
/// "Only 40 pairs: ..." or nothing.
std::string few_rows_words(std::int64_t rows);

/// A cluster and what it was called.
struct ClusterName {
  std::int64_t size = 0;
  std::vector<std::string> names = {};  ///< nearest text first; empty: none could be given
  double margin = 0;                    ///< against the other clusters
  double q = 1;                         ///< of a text as near by chance, adjusted
  std::int32_t label = 0;               ///< of the cluster
};

// Each fills summary, key, found and caveats of a section; what has pictures and tables of it is
// for the caller to add.

void say_dimension(const DimensionFindings& found, PageSection& section);
/// The smallest dimension below the full one that is safe in both directions, if any is.
const DimensionChange* safe_dimension(const DimensionFindings& found, bool held_out);

/// @param labels whether k was the number of classes, @param captions whether names are words
void say_clusters(const ClusterFindings& found, const std::vector<ClusterName>& names, bool labels,
                  bool captions, PageSection& section);

/// @param labels whether the factor came from the user's labels, else from clusters of texts
void say_factors(const FactorFindings& found, bool labels, PageSection& section);

/// @param captions whether the texts are known in words
void say_semantic(const SemanticFindings& found, bool captions, PageSection& section);

/// A study that the data is too small for.
void say_left_out(const std::string& reason, PageSection& section);

}  // namespace clipk::study
