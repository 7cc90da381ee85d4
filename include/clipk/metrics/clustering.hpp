#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/core/view.hpp"

// How well a clustering agrees with known classes, or with another clustering. All scores follow
// from the contingency table, run on the host in float64, do not depend on the number of threads,
// and are symmetric in their two labelings unless a comment says otherwise. Information is in
// nats. Values equal scikit-learn's (1.9) except for rounding; comments say where they do not. Up
// to 2^62 points.
namespace clipk {

/// How many points each class has in each cluster.
struct Contingency {
  /// A class and a cluster that have points in common.
  struct Cell {
    std::int32_t row = 0;    ///< index into classes
    std::int32_t col = 0;    ///< index into clusters
    std::int64_t count = 0;  ///< above 0
  };
  std::vector<Cell> cells;             ///< those that are not 0, by row, then by column
  std::vector<std::int32_t> classes;   ///< [rows] the label of each row, ascending
  std::vector<std::int32_t> clusters;  ///< [cols] the label of each column, ascending
  std::vector<std::int64_t> row_sums;  ///< points of each class, above 0
  std::vector<std::int64_t> col_sums;  ///< points of each cluster, above 0
  std::int64_t points = 0;             ///< the sum of all cells
  std::int64_t missing = 0;            ///< points left out

  /// Different classes.
  std::int64_t rows() const { return static_cast<std::int64_t>(row_sums.size()); }
  /// Different clusters.
  std::int64_t cols() const { return static_cast<std::int64_t>(col_sums.size()); }
  /// The whole table, [rows, cols].
  Matrix<std::int64_t> dense() const;
};

/// The table of two labelings of the same points. Labels are any integers from 0; a point with a
/// negative label in either is missing: it is left out and counted.
///
/// O(n) where labels are small numbers and the table is not much larger than n, else O(n log n).
/// @param truth [n]  @param predicted [n], both on the host
/// @throws Error if the sizes differ.
Contingency contingency(VectorView<const std::int32_t> truth,
                        VectorView<const std::int32_t> predicted);
/// From an existing table: counts(i, j) points of class i in cluster j. Rows and columns of zeros
/// are dropped; the labels of those that stay are their indices.
/// @throws Error if a count is negative or the sum of all is beyond 2^62.
Contingency contingency(MatrixView<const std::int64_t> counts);

/// The mean of the two entropies that normalises NMI and AMI.
enum class Normalizer : std::uint8_t {
  arithmetic,  ///< (a + b) / 2
  geometric,   ///< sqrt(a b)
  min,         ///< the smaller one
  max,         ///< the larger one
};

/// Mutual information of class and cluster.
double mutual_info(const Contingency& table);

/// Its expectation over random labelings with the same cluster sizes (the hypergeometric model).
///
/// Computed once for each pair of different sizes, over the counts whose probability is more than
/// rounding: for K x L clusters of n points O(sqrt(K L n)) terms, 10 x 10 of 10^9 in a tenth of a
/// second. No gamma functions, whose rounding grows with n.
/// Source: Vinh, Epps and Bailey 2010.
double expected_mutual_info(const Contingency& table);

/// (MI - E) / (mean(H) - E) with E the expected mutual information: 1 for equal partitions, 0 for
/// agreement by chance; it can be negative.
///
/// Exactly 1 where the two partitions are equal or there are no points, else exactly 0 where one of
/// them does not split the points or splits them into singletons, since every labeling then has the
/// same MI. In that last case scikit-learn divides one rounding error by another: the result is
/// near 0 with the normalizers arithmetic, geometric and max, and anything from -1 to 1 with min.
/// Two labelings into singletons give 1 here and in its current releases, 0 in older releases that
/// did not clamp.
double adjusted_mutual_info(const Contingency& table,
                            Normalizer normalizer = Normalizer::arithmetic);

/// MI / mean(H): 1 for equal partitions (and no points), 0 where the labelings are independent.
double normalized_mutual_info(const Contingency& table,
                              Normalizer normalizer = Normalizer::arithmetic);

/// 2 (tp tn - fn fp) / ((tp + fn)(fn + tn) + (tp + fp)(fp + tn)) where tp, tn, fp and fn
/// count two points at a time: 1 for equal partitions (and for fewer than 2 points), 0 for
/// agreement by chance.
/// Source: Hubert and Arabie 1985.
double adjusted_rand_index(const Contingency& table);

/// Geometric mean of precision and recall over any two points, tp / sqrt((tp + fp)(tp + fn)). 0 if
/// no two points are together in both labelings, as for singletons, a single point and no points.
/// Source: Fowlkes and Mallows 1983.
double fowlkes_mallows(const Contingency& table);

/// MI / H(class): 1 where every cluster holds only one class. Not symmetric.
/// Source: Rosenberg and Hirschberg 2007, as the next two.
double homogeneity(const Contingency& table);
/// MI / H(cluster): 1 where every class lies in one cluster. Not symmetric.
double completeness(const Contingency& table);
/// (1 + beta) h c / (beta h + c) of homogeneity h and completeness c, 0 where both are 0; at
/// beta = 1 it is the NMI. A beta above 1 weighs completeness more. Not symmetric for another beta.
/// @throws Error if beta is negative or not finite.
double v_measure(const Contingency& table, double beta = 1);

/// Share of the points that lie in the cluster matched to their class, by the one-to-one matching
/// of clusters to classes that makes it largest. 1 without points.
double hungarian_accuracy(const Contingency& table);

/// For each cluster (column) the row of the class it is matched to in hungarian_accuracy, or -1
/// where there are more clusters than classes or the match would hold no point. Use it to order a
/// confusion matrix.
///
/// Solved for every connected part of the table by itself: O(k^3) for a part of k x k with no zero
/// blocks, and linear for singletons.
std::vector<std::int32_t> matched_classes(const Contingency& table);

/// All of the above, with the arithmetic mean.
struct ClusteringScores {
  double ami = 0;             ///< adjusted_mutual_info
  double ari = 0;             ///< adjusted_rand_index
  double fmi = 0;             ///< fowlkes_mallows
  double nmi = 0;             ///< normalized_mutual_info
  double homogeneity = 0;     ///< MI / H(class)
  double completeness = 0;    ///< MI / H(cluster)
  double v_measure = 0;       ///< with beta = 1
  double acc = 0;             ///< hungarian_accuracy
  std::int64_t classes = 0;   ///< different labels in truth
  std::int64_t clusters = 0;  ///< different labels in predicted
  std::int64_t points = 0;    ///< with a label in both
  std::int64_t missing = 0;   ///< left out
};
/// All scores of one table.
ClusteringScores clustering_scores(const Contingency& table);
ClusteringScores clustering_scores(VectorView<const std::int32_t> truth,
                                   VectorView<const std::int32_t> predicted);

}  // namespace clipk
