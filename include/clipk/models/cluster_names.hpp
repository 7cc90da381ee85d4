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
  std::int64_t permutations = 999;  ///< of the labels, for the p-values; 0: none, and p and q are 1
  FalseDiscovery rule = FalseDiscovery::benjamini_hochberg;  ///< over the clusters
  /// Means [d] of unit rows of a larger bank of the same modality, on the host; empty: the mean of
  /// the labelled images, and of the texts. A bank's mean leaves in what all the clusters share;
  /// permuted ones share it too, so that p is larger.
  VectorView<const float> image_mean = {};
  VectorView<const float> text_mean = {};  ///< of the texts
};

/// A text that lies near a cluster's centre.
struct NamingText {
  std::int64_t text = 0;  ///< row of the texts
  double cosine = 0;      ///< to this cluster's centre
  double elsewhere = 0;   ///< its highest cosine to the centre of any other cluster
};

/// A cluster, the texts that name it, and how sure they are.
struct NamedCluster {
  std::int32_t label = 0;         ///< of the cluster
  std::int64_t size = 0;          ///< images that bear the label
  std::vector<NamingText> names;  ///< nearest first; among equal cosines the lower row first
  /// How much better the first text fits this cluster than any other: cosine - elsewhere. At or
  /// below 0 it names another cluster at least as well.
  double margin = 0;
  /// Share of the permutations (this one counted) under which a cluster of this size finds a text
  /// as near: (1 + hits) / (1 + permutations).
  double p = 1;
  double q = 1;  ///< p adjusted for the false discovery rate over the clusters
};

/// Names clusters of images by the texts nearest to their centres.
///
/// Rows are scaled to length one, and each modality is centred by its own mean, which takes the gap
/// between the two away; a cluster's centre is the mean of its rows so centred, and texts are
/// compared with it by cosine. So a name says what sets a cluster apart from the others.
///
/// The p-value asks whether the best text is nearer than chance would have it: labels are permuted
/// among the labelled rows, which keeps the clusters' sizes. It does not ask whether there are
/// clusters; clusters found in the same rows are tighter than random ones, and p says that the
/// texts have a word for what holds them together. Permutation r is that of
/// Random(seed, label_permutations, r), with the context's seed.
///
/// Runs on the host whatever the context's device. Time: O(permutations n d + permutations k m d).
/// Memory: the images once more in float32, the texts in float32 and float64, and k x m cosines.
/// Deterministic: yes, for any number of threads.
///
/// @param images [n, d]  @param labels [n], negative: in no cluster, and left out
/// @param texts [m, d]
/// @return one entry for each label that occurs, rising
/// @throws Error if a shape differs, a value is not finite, a row has length zero, fewer than 2
///   labels occur, a text does not differ from the mean of the texts (as where there is but one), a
///   cluster's centre does not differ from the mean of the images, or an option makes no sense.
std::vector<NamedCluster> cluster_names(Context& context, MatrixView<const float> images,
                                        std::span<const std::int32_t> labels,
                                        MatrixView<const float> texts,
                                        const ClusterNamesOptions& options = {});

}  // namespace clipk
