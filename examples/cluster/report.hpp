#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cluster/fits.hpp"
#include "features.hpp"
#include "study.hpp"

namespace clipk::study {

/// The t-SNE of some of the rows, in their order.
struct ClusterMap {
  std::vector<std::int64_t> chosen;                        ///< [m] rows of the study
  Matrix<float> points;                                    ///< [m, 2] on the host
  double kl = 0, perplexity = 0, one_nn = 0, seconds = 0;  ///< one_nn NaN without labels
  std::int64_t iterations = 0;
};

/// Scores of all fits; table, pictures, and rows of results.json.
class ClusterReport {
 public:
  /// @param rows those that were clustered (after --pca)
  ClusterReport(Run& run, const LabelledRows& data, MatrixView<const float> rows)
      : run_(run), data_(data), rows_(rows) {}

  void add(const std::string& method, std::uint64_t seed, const ClusterFit& fit);
  /// Prints the table, and draws the pictures. @param map nothing where none was wanted
  void finish(const std::optional<ClusterMap>& map);

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
};

}  // namespace clipk::study
