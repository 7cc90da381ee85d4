#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "semantic/semantic_study.hpp"

namespace clipk::study {

/// A figure of n rows with its interval by the delete-a-group jackknife: the rows are dealt into 20
/// groups, and the figure is taken anew without each. Without an interval below 40 rows.
/// @param statistic of these rows, which rise
Estimate jackknife(std::int64_t n,
                   const std::function<double(const std::vector<std::int64_t>&)>& statistic);

/// These rows of a host matrix.
Matrix<float> rows_at(MatrixView<const float> from, const std::vector<std::int64_t>& rows);

/// Less the mean of the rows, and then of length one (a row that is the mean stays zero).
Matrix<float> centred_rows(MatrixView<const float> rows);

/// The gap between images and their texts, its parts with intervals.
void measure_gap(Context& context, const SemanticData& data, SemanticFindings& found);

/// Hubs of both directions.
HubFindings measure_hubs(Context& context, const SemanticData& data, std::int64_t neighbours);

/// Retrieval by cosine and as CSLS and Sinkhorn correct it: by the queries themselves, and by a
/// bank of other queries (the other half of them), which looks at each query alone.
std::vector<ScoredRetrieval> measure_retrieval(Context& context, const SemanticData& data,
                                               const SemanticSettings& settings);

/// How well the first factor's classes can be told, if it has classes.
std::optional<ClassFindings> measure_classes(Context& context, const SemanticData& data,
                                             const SemanticSettings& settings);

/// Components against all features.
/// @param rows of the images that take part
SpaceFindings measure_space(Context& context, const SemanticData& data,
                            const SemanticSettings& settings, const std::string& name,
                            MatrixView<const float> components,
                            const std::vector<std::int64_t>& rows);

}  // namespace clipk::study
