#pragma once

#include <optional>
#include <vector>

#include "cluster/findings.hpp"
#include "study/run.hpp"

namespace clipk::study {

/// Prints what the cluster study found.
/// @param map nothing where none was wanted
void print_results(Run& run, const LabelledRows& data, const ClusterFindings& found,
                   const std::optional<ClusterMap>& map);

/// Adds it to results.json, with pictures, clusters and codes of every fit.
/// @param fits in the order of their rows
void write_results(Run& run, const LabelledRows& data, const std::vector<ScoredFit>& fits,
                   const ClusterFindings& found, const std::optional<ClusterMap>& map);

}  // namespace clipk::study
