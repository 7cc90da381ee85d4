#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clipk/models/choose_clusters.hpp"
#include "cluster/findings.hpp"
#include "cluster/fits.hpp"
#include "study/features.hpp"
#include "study/run.hpp"

namespace clipk::study {

/// The options of the cluster study; --help says what each is.
struct ClusterArguments {
  ClusterSettings settings{.methods = {"kmeans", "autoencoder", "dec"}, .seeds = 3, .restarts = 20};
  std::vector<std::int64_t> layers{500, 500, 2000, 10};
  std::int64_t epochs = 0;
  std::int64_t pca = 0;
  std::string scaling = "standardized";
  bool scaling_chosen = false;  ///< else rows of few columns are left as they are
  std::string kernel = "student_t";
  double perplexity = 30;
  bool perplexity_chosen = false;  ///< else it is at most a third of the rows on the map
  std::int64_t denoising = -1;
  std::int64_t tsne_rows = -1;
  /// k is the largest number of clusters whose stability is within this of the best.
  double slack = ChooseClustersOptions{}.slack;
  std::int64_t most = 0;  ///< clusters to choose from; 0: as many as the candidates have
};

/// Whether the rows form clusters: docs/cluster_study.md. Leaves in the run `k`,
/// `summary`, tsne.png, clusters and codes of every fit.
/// @throws UsageError, Error before the work begins where the options do not fit the data
ClusterFindings run_cluster_study(Run& run, const LabelledRows& data, ClusterArguments arguments);

}  // namespace clipk::study
