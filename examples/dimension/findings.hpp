#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "clipk/metrics/bootstrap.hpp"
#include "dimension/outcome.hpp"
#include "study/pair_checks.hpp"

namespace clipk::study {

/// One method and dimension: what was measured on all pairs, and on both halves of every split.
struct Result {
  std::string method;
  int dim = 0;
  std::string storage = {};  ///< of codes in fewer bytes: StoredOutcome
  std::int64_t bytes = 0;
  Measured all = {};
  std::vector<Measured> train = {}, held = {};
  double all_seconds = 0, split_seconds = 0;
  std::int64_t all_epochs = 0, split_epochs = 0;  ///< of a network, together; 0: its start
  bool failed = false;              ///< one of its fits did, so that it has no figures
  std::vector<Result> stored = {};  ///< the same codes in fewer bytes: ranks alone
};

/// The halves of a split, as rows of all pairs: rising rows of the images.
struct Split {
  std::vector<std::int64_t> train, held;
};

/// Means over the sets of one kind: all pairs, or a half of every split.
struct SetFigures {
  /// Of one direction.
  struct Direction {
    double matched = 0, top1 = 0, r5 = 0, r10 = 0;
  };
  Direction i2t = {}, t2i = {};
  double stress1 = 0, kendall_distance = 0;          ///< of the image block
  double map_stress1 = 0, map_kendall_distance = 0;  ///< of the map that retrieval uses
  std::size_t sets = 0;
};

/// The figures of one method and dimension.
struct DimensionFigures {
  std::string method;
  int dim = 0;
  SetFigures all;
  std::optional<SetFigures> train, held;  ///< of the splits, if there are any
  double all_seconds = 0, split_seconds = 0;
  std::optional<std::int64_t> all_epochs, split_epochs;  ///< of a network, all splits together
};

/// The change of top-1 of one method and dimension against the full one.
struct DimensionChange {
  std::string method;
  int dim = 0;
  bool held_out = false;  ///< of pairs that were not fitted
  Interval i2t, t2i;
  bool trained = true;  ///< false of a network whose start was best, in every split
};

/// The same of codes that are stored in fewer bytes.
struct SizeChange {
  std::string method;
  int dim = 0;
  std::string storage;
  std::int64_t bytes = 0;  ///< of a vector
  bool held_out = false;
  double i2t_top1 = 0, t2i_top1 = 0;
  double r10 = 0;  ///< mean R@10 of both directions
  Interval i2t, t2i;
};

/// What the dimension study has found.
struct DimensionFindings {
  std::int64_t pairs = 0;   ///< of several texts an image: the images that have one
  std::int64_t images = 0;  ///< all of them, behind the geometry
  int dim = 0;              ///< of the rows as they are
  int splits = 0;
  double margin = 0;
  double i2t_top1 = 0, t2i_top1 = 0;  ///< of the rows as they are, all pairs
  /// The same among the pairs that a split holds out, which are fewer; NaN without splits.
  double held_i2t_top1 = NAN, held_t2i_top1 = NAN;
  PairMatch match = {.shown = true};           ///< of all pairs
  RepeatedPairs repeated = {};                 ///< rows that equal an earlier one
  std::vector<DimensionFigures> figures = {};  ///< those of the rows as they are first
  std::vector<DimensionChange> changes = {};
  std::vector<SizeChange> sizes = {};  ///< with --bytes
};

/// Compares results with the rows as they are.
/// @param baseline the rows as they are, in the same form as the results
/// @param image_of_text of the pairs; with several texts an image, intervals from text to image
///   draw images with all their texts
DimensionFindings dimension_findings(Context& context, const Result& baseline,
                                     const std::vector<Result>& results,
                                     const std::vector<Split>& splits, double margin,
                                     std::uint64_t seed, std::int64_t images,
                                     std::span<const std::int32_t> image_of_text);

/// The methods, in the order they came.
std::vector<std::string> methods_of(const DimensionFindings& found);

/// Why no dimension can be called safe in this data, whatever was measured; empty where one can.
/// Pairs must be shown to match. Without one query that lost its partner among n, up to 3 in n may
/// (95 %); and a loss of the margin is a small one only beside a share that is several times
/// larger.
std::string cannot_be_safe(const DimensionFindings& found);

/// The smallest dimension of a method whose interval stays above a loss of the margin, by
/// direction.
struct SmallestDimension {
  std::optional<int> i2t, t2i;
};
/// @param held_out of pairs that were not fitted, else of the fitted ones
SmallestDimension smallest_dimension(const DimensionFindings& found, const std::string& method,
                                     bool held_out);

/// The size of fewest bytes whose intervals stay above a loss of the margin in both directions, of
/// one method or (empty) of any; null where none does. Among equal ones that of the better worst
/// case.
const SizeChange* smallest_size(const DimensionFindings& found, const std::string& method,
                                bool held_out);

/// "2 points", of a share.
std::string points(double share);

}  // namespace clipk::study
