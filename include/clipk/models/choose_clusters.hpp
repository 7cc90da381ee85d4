#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"
#include "clipk/metrics/stability.hpp"

namespace clipk {

/// The candidates and runs of choose_clusters.
struct ChooseClustersOptions {
  std::vector<std::int64_t> candidates = {2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20};  ///< values of k
  std::int64_t runs = 5;      ///< runs of k-means per k, at least 2, each with its own seed
  double share = 0.8;         ///< share of the rows that a run is fitted to; at most 1
  std::int64_t restarts = 5;  ///< of every run
  bool spherical = false;     ///< spherical k-means
  double slack = 0.01;        ///< see ClusterChoice::k
};

/// The results of one k: how well the partitions of different seeds and samples agree.
struct ClusterCandidate {
  std::int64_t k = 0;   ///< clusters
  Stability stability;  ///< adjusted Rand index over every two runs
  double inertia = 0;  ///< mean over the runs of the squared distance of a fitted row to its centre
};

/// The result of choose_clusters.
struct ClusterChoice {
  /// The largest k whose stability is within `slack` of the best: coarser partitions of clear
  /// clusters can be as stable, finer ones are not.
  std::int64_t k = 0;
  std::vector<ClusterCandidate> candidates;  ///< in the order of the options
};

/// The number of clusters by stability: for every k, k-means is fitted to several samples of the
/// rows, each with its own seed; every run labels all rows, and every two labelings are compared.
/// Needs no labels. Stability does not show whether there are clusters at all: look at its values
/// before trusting the choice. If a sample has fewer distinct rows than k, each of them is a
/// cluster of its run; a k above the number of all distinct rows is not chosen.
///
/// @param rows [n, d] on any device
/// @throws Error if an option makes no sense, as KMeans::fit for a sample (k above the number of
/// its rows), or if every candidate is above the number of distinct rows.
/// Deterministic: yes. Source: Ben-Hur, Elisseeff and Guyon, PSB 2002; von Luxburg 2010.
ClusterChoice choose_clusters(Context& context, MatrixView<const float> rows,
                              const ChooseClustersOptions& options);

}  // namespace clipk
