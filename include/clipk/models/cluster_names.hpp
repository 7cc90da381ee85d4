#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "clipk/core/context.hpp"
#include "clipk/core/view.hpp"
#include "clipk/metrics/false_discovery.hpp"

namespace clipk {

/// How clusters are named and names judged.
struct ClusterNamesOptions {
  std::int64_t names = 3;           ///< texts named for each cluster, or all where there are fewer
  std::int64_t permutations = 999;  ///< of the labels, for the p-values; 0: p and q are 1
  FalseDiscovery rule = FalseDiscovery::benjamini_hochberg;  ///< over the clusters
  /// Means [d] of unit rows of a larger bank of the same modality, on the host; empty: the mean of
  /// the labelled images, and of the texts. With a bank's mean, centres keep what all the clusters
  /// have in common; permuted clusters have it too, so p is larger.
  VectorView<const float> image_mean = {};
  VectorView<const float> text_mean = {};  ///< of the texts
};

/// A text that lies near a cluster's centre.
struct NamingText {
  std::int64_t text = 0;  ///< row of the texts
  double cosine = 0;      ///< to this cluster's centre
  double elsewhere = 0;   ///< its highest cosine to the centre of any other cluster
};

/// A cluster, the texts that name it, and their confidence.
struct NamedCluster {
  std::int32_t label = 0;         ///< of the cluster
  std::int64_t size = 0;          ///< images with the label
  std::vector<NamingText> names;  ///< nearest first; among ties the lower row first
  /// How much better the first text fits this cluster than any other: cosine - elsewhere. At or
  /// below 0 it fits another cluster at least as well.
  double margin = 0;
  /// Share of the permutations under which a cluster of this size finds a text as near:
  /// (1 + hits) / (1 + permutations), because the labels as they are count as one permutation.
  double p = 1;
  double q = 1;  ///< p adjusted for the false discovery rate over the clusters
};

/// Names clusters of images by the texts nearest to their centres.
///
/// Rows are scaled to length one, and each modality is centred by its own mean, which removes the
/// gap between the two. A cluster's centre is the mean of its centred rows, and texts are compared
/// with it by cosine. So a name says what distinguishes a cluster from the others.
///
/// The p-value tests whether the best text is nearer than expected by chance: labels are permuted
/// among the labelled rows, which keeps the clusters' sizes. It does not test whether there are
/// clusters: clusters found in the same rows are tighter than random ones, and a small p says that
/// a text describes what their rows have in common. Permutation r is that of Random(seed,
/// label_permutations, r), with the context's seed.
///
/// Runs on the host whatever the context's device. Time: O(permutations n d + permutations k m d).
/// Memory: the images once more in float32, the texts in float32 and float64, and k x m cosines.
/// Deterministic: yes, for any number of threads.
///
/// @param images [n, d]  @param labels [n]; rows with negative ones are in no cluster and left out
/// @param texts [m, d]
/// @return one entry for each label that occurs, ascending
/// @throws Error if a shape differs, a value is not finite, a row has length zero, fewer than 2
///   labels occur, a text does not differ from the mean of the texts (such as a single text), a
///   cluster's centre does not differ from the mean of the images, or an option makes no sense.
std::vector<NamedCluster> cluster_names(Context& context, MatrixView<const float> images,
                                        std::span<const std::int32_t> labels,
                                        MatrixView<const float> texts,
                                        const ClusterNamesOptions& options = {});

}  // namespace clipk
