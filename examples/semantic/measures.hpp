#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "semantic/semantic_study.hpp"

namespace clipk::study {

/// Groups that the jackknife leaves out in turn.
inline constexpr std::int64_t kJackknifeFolds = 20;
/// A figure of rows with its 95 % interval by the delete-a-group jackknife
/// (jackknife_standard_error), equal rows in one group. Without an interval below 40 rows that
/// differ.
/// @param equal [n] which rows are equal, as equal_row_groups says
/// @param statistic of these rows, which rise
Estimate jackknife_estimate(
    const std::vector<std::int64_t>& equal,
    const std::function<double(const std::vector<std::int64_t>&)>& statistic);

// The number of clusters of images, as `report` and `semantic_study` choose it: of the rows less
// their mean (centred_rows), the finest number that is nearly as stable as the best.

/// Rows that differ, below which no number is chosen.
inline constexpr std::int64_t kFewestClustered = 20;
/// Names are of use for the finest clusters that are there, even if fewer were a little more
/// stable.
inline constexpr double kStabilitySlack = .15;
/// Of so many rows that differ: ten a cluster.
inline std::int64_t most_clusters(std::int64_t distinct) {
  return std::max<std::int64_t>(distinct / 10, 2);
}
/// Texts asked for as a cluster's names, of which those that say the same count once.
inline constexpr std::int64_t kNamesAsked = 12;
/// Adds a name that is not there yet, up to three.
void add_name(std::vector<std::string>& names, const std::string& name);

/// Less the mean of the rows, and then of length one (a row that is the mean stays zero).
Matrix<float> centred_rows(MatrixView<const float> rows);

/// Candidates of the modality of fewer rows that stay where the jackknife takes its largest group
/// away: pairs, or images with all their texts.
std::int64_t fewest_candidates(const SemanticData& data);

/// The gap between images and their texts, its parts with intervals.
void measure_gap(Context& context, const SemanticData& data, SemanticFindings& found);

/// Hubs of both directions.
HubFindings measure_hubs(Context& context, const SemanticData& data, std::int64_t neighbours);

/// Retrieval by cosine and as CSLS and Sinkhorn correct it: by the queries themselves, and by a
/// bank of other queries (the other half of them), which looks at each query alone.
std::vector<ScoredRetrieval> measure_retrieval(Context& context, const SemanticData& data,
                                               const SemanticSettings& settings);

/// How well the first factor's classes can be told, if it has classes: into `classes`, and what was
/// left out into `rare` and `left_out`. Classes of fewer images than folds are left out; where
/// fewer than two stay, zero-shot classification alone is measured, over all images of known class.
/// Folds keep equal images together, those for the texts equal pairs. An image that no other fold
/// has its class of cannot be told: it is not counted.
void measure_classes(Context& context, const SemanticData& data, const SemanticSettings& settings,
                     SemanticFindings& found);

/// Components against all features.
/// @param rows of the images that take part
SpaceFindings measure_space(Context& context, const SemanticData& data,
                            const SemanticSettings& settings, const std::string& name,
                            MatrixView<const float> components,
                            const std::vector<std::int64_t>& rows);

}  // namespace clipk::study
