#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "clipk/metrics/clustering.hpp"
#include "cluster/findings.hpp"
#include "study/pictures/heatmap.hpp"
#include "study/pictures/scatter.hpp"

namespace clipk::study {

/// The share of every class in each cluster, a panel a method: clusters in the order of the classes
/// they are matched to. Of more than kHeatmapLines classes the largest, with the clusters matched
/// to them; a line below says so.
/// @param tables of every method, of the same classes
/// @param names of the classes, by their label
Heatmap confusion_picture(const std::vector<std::pair<std::string, Contingency>>& tables,
                          const std::vector<std::string>& names);

/// The tables of all methods, from their first seed.
Heatmap confusion_picture(const LabelledRows& data, const ClusterFindings& found);

/// The map, coloured by class and by the last method's clusters, or without labels by those of
/// every method.
/// @param map outlives the picture
Scatter map_picture(const LabelledRows& data, const ClusterFindings& found, const ClusterMap& map);

/// Names every cluster by its largest class. It has that class's colour where the two are matched;
/// else one of its own.
void name_clusters(const Contingency& table, const std::vector<std::string>& classes,
                   std::size_t clusters, ScatterPanel& panel);

}  // namespace clipk::study
