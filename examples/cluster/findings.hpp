#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"
#include "clipk/metrics/clustering.hpp"
#include "cluster/fits.hpp"
#include "study/features.hpp"

namespace clipk::study {

/// Labels as the metrics take them.
inline VectorView<const std::int32_t> view(const std::vector<std::int32_t>& labels) {
  return {labels.data(), static_cast<std::int64_t>(labels.size())};
}

/// The t-SNE of some of the rows, in their order.
struct ClusterMap {
  std::vector<std::int64_t> chosen;                        ///< [m] rows of the study
  Matrix<float> points;                                    ///< [m, 2] on the host
  double kl = 0, perplexity = 0, one_nn = 0, seconds = 0;  ///< one_nn NaN without labels
  std::int64_t iterations = 0;
};

/// One method from one seed, with its scores.
struct ScoredFit {
  std::string method;
  std::uint64_t seed = 0;
  const ClusterFit* fit = nullptr;  ///< null: it failed
  std::string failed = {};          ///< why
  std::int64_t clusters = 0;        ///< that have rows
  std::int64_t smallest_cluster = 0;
  std::optional<double> silhouette = {};        ///< none of one cluster, or of as many as rows
  std::optional<ClusteringScores> scores = {};  ///< against the labels, if there are any
};

/// @param rows those that were clustered (after --pca)
ScoredFit scored_fit(Context& context, const LabelledRows& data, MatrixView<const float> rows,
                     const std::string& method, std::uint64_t seed, const ClusterFit& fit);

/// A figure over the seeds of a method.
struct Spread {
  double mean = NAN;      ///< NaN of none
  double sd = 0;          ///< with n - 1; 0 of one
  std::size_t count = 0;  ///< seeds that have it
};

/// What one method found.
struct MethodFindings {
  std::string method;
  double stability = NAN;               ///< mean ARI between two seeds; NaN of one
  Spread ami = {}, ari = {}, fmi = {};  ///< against the labels
  Spread nmi = {}, acc = {};            ///< likewise
  Spread silhouette = {}, smallest_cluster = {};
  Spread inertia = {}, seconds = {};
  std::vector<std::int32_t> labels = {};  ///< [n] of the first seed
  std::vector<std::int64_t> sizes = {};   ///< of its clusters, from 0
};

/// What the cluster study has found.
struct ClusterFindings {
  std::int64_t rows = 0, k = 0;
  std::vector<std::pair<std::int64_t, double>> candidates;  ///< k and its stability; k was chosen
  int seeds = 0;
  std::vector<MethodFindings> methods;
  std::vector<std::string> failed = {};  ///< methods with a seed that failed
  std::int64_t missing_labels = 0;       ///< rows
  double one_nn = NAN;                   ///< on the map
  double label_silhouette = NAN;  ///< of the labels' own classes; NaN where nobody measured it
};

/// Enters methods, failed and missing_labels, from fits in the order of the methods.
void summarize(const std::vector<ScoredFit>& fits, ClusterFindings& found);

}  // namespace clipk::study
