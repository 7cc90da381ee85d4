#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/matrix.hpp"

namespace clipk {

/// How k-means is started and when it ends.
struct KMeansOptions {
  std::int64_t k = 10;                ///< clusters
  std::int64_t restarts = 10;         ///< restarts; the one of lowest inertia wins
  std::int64_t max_iterations = 300;  ///< of each run
  /// A run ends when the squared moves of its centres sum to at most this share of the mean
  /// variance of the columns (as in scikit-learn), or when no label changes. 0: only the latter.
  double tolerance = 1e-4;
  /// Spherical k-means: rows and centres are scaled to unit length. Rows of length zero are
  /// refused.
  bool spherical = false;
  /// Initial centres [k, d] (on any device) instead of k-means++; there is then one run.
  MatrixView<const float> start = {};
};

/// The result of one restart.
struct KMeansRun {
  double inertia = 0;           ///< sum of squared distances to the centres
  std::int64_t iterations = 0;  ///< updates of the centres
  std::int64_t reseeded = 0;    ///< empty clusters that got a far point
  bool converged = false;       ///< within max_iterations
};

/// How many of the rows differ from all before them (0 and -0 are equal); the count ends at `most`.
/// @param rows [n, d] on the host
std::int64_t distinct_rows(MatrixView<const float> rows, std::int64_t most);

/// The mean row of each label [k, d], in float64; 0 for a label without rows.
/// @param rows [n, d] on the host  @param labels [n]
/// @throws Error if the sizes differ or a label is not in [0, k). Deterministic: yes.
Matrix<double> means_by_label(MatrixView<const float> rows, std::span<const std::int32_t> labels,
                              std::int64_t k);

/// k-means by Lloyd's algorithm from greedy k-means++ starts; the restart of lowest inertia wins,
/// and among ties the first.
///
/// Clusters are numbered by descending size, ties by their first row. An empty cluster gets the row
/// farthest from its centre; several empty ones get the farthest rows. Deterministic: the same
/// bytes for the same seed (the context's), data and device, for any number of threads.
/// Sources: Arthur and Vassilvitskii, SODA 2007; Dhillon and Modha, Machine Learning 42 (2001).
class KMeans {
 public:
  /// @param rows [n, d] on any device
  /// @throws Error for k below 2, above the number of rows or of distinct rows, values that are
  ///   not finite, or an option that makes no sense.
  static KMeans fit(Context& context, MatrixView<const float> rows,
                    const KMeansOptions& options = {});

  std::int64_t k() const { return centres_.rows(); }    ///< clusters
  std::int64_t dim() const { return centres_.cols(); }  ///< columns of a row
  /// Whether rows and centres are scaled to length one.
  bool spherical() const { return spherical_; }
  const Matrix<float>& centres() const { return centres_; }            ///< [k, d], on the host
  const std::vector<std::int32_t>& labels() const { return labels_; }  ///< [n] of the fit's rows
  double inertia() const { return runs_[best_].inertia; }  ///< float64, from plain differences
  std::int64_t iterations() const { return runs_[best_].iterations; }  ///< of the best run
  const std::vector<KMeansRun>& runs() const { return runs_; }         ///< all restarts, in order
  std::size_t best_run() const { return best_; }                       ///< its place in runs()

  /// Labels of new rows [n, d], on any device: the nearest centre, among ties the lower.
  std::vector<std::int32_t> predict(Context& context, MatrixView<const float> rows) const;

  /// Saves centres, runs and the labels of the fit's rows. @throws Error with path and reason.
  void save(const std::filesystem::path& path) const;
  /// Loads a file of save. @throws Error for a file that is not a clipk kmeans model.
  static KMeans load(const std::filesystem::path& path);

 private:
  KMeans() = default;

  Matrix<float> centres_;
  std::vector<std::int32_t> labels_;
  std::vector<KMeansRun> runs_;
  std::size_t best_ = 0;
  bool spherical_ = false;
};

}  // namespace clipk
