#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/fits.hpp"
#include "study/features.hpp"
#include "study/study.hpp"

namespace clipk::study {

/// The t-SNE of some of the rows, in their order.
struct ClusterMap {
  std::vector<std::int64_t> chosen;                        ///< [m] rows of the study
  Matrix<float> points;                                    ///< [m, 2] on the host
  double kl = 0, perplexity = 0, one_nn = 0, seconds = 0;  ///< one_nn NaN without labels
  std::int64_t iterations = 0;
};

/// What one method found: figures are means over its seeds, NaN where there are none.
struct MethodFindings {
  std::string method;
  double stability = NAN;  ///< mean ARI between two seeds; NaN of one
  double silhouette = NAN;
  double ami = NAN, acc = NAN;       ///< against the labels
  std::vector<std::int32_t> labels;  ///< [n] of the first seed
  std::vector<std::int64_t> sizes;   ///< of its clusters, from 0
};

/// What the cluster study has found.
struct ClusterFindings {
  std::int64_t rows = 0, k = 0;
  std::vector<std::pair<std::int64_t, double>> candidates;  ///< k and its stability; k was chosen
  int seeds = 0;
  std::vector<MethodFindings> methods;
  double one_nn = NAN;            ///< on the map
  double label_silhouette = NAN;  ///< of the labels' own classes; NaN where nobody measured it
};

/// Scores of all fits; table, pictures, and rows of results.json.
class ClusterReport {
 public:
  /// @param rows those that were clustered (after --pca)
  ClusterReport(Run& run, const LabelledRows& data, MatrixView<const float> rows)
      : run_(run), data_(data), rows_(rows) {}

  void add(const std::string& method, std::uint64_t seed, const ClusterFit& fit);
  /// A fit that there is not: its row has no figures, but says why.
  void add_failed(const std::string& method, std::uint64_t seed, const std::string& reason);
  /// Prints the table, and draws the pictures. @param map nothing where none was wanted
  void finish(const std::optional<ClusterMap>& map);
  /// After finish().
  std::vector<MethodFindings> findings() const;

 private:
  struct Entry {
    std::string method;
    std::uint64_t seed = 0;
    const ClusterFit* fit = nullptr;
  };
  std::vector<std::string> methods() const;
  const ClusterFit& first(const std::string& method) const;
  void print_table();
  void add_pictures(const std::optional<ClusterMap>& map);
  void add_confusion();

  Run& run_;
  const LabelledRows& data_;
  MatrixView<const float> rows_;
  std::vector<Entry> entries_;
  std::vector<std::string> failed_;  // methods with a seed that failed
  std::int64_t missing_labels_ = 0;
  Json summary_ = Json::object();  // of each method, over its seeds
};

}  // namespace clipk::study
