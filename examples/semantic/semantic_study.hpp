#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clipk/metrics/bootstrap.hpp"
#include "clipk/metrics/modality_gap.hpp"
#include "clipk/metrics/retrieval.hpp"
#include "semantic/data.hpp"
#include "study/pair_checks.hpp"
#include "study/rare_classes.hpp"
#include "study/run.hpp"

namespace clipk::study {

struct SemanticSettings {
  std::int64_t shown = 6;               ///< rows and columns of the cosine table
  std::vector<std::int64_t> rows = {};  ///< the images in it, from 0; empty: typical ones
  /// What features are correlated with beside the coordinates themselves: pca, mds (isotonic
  /// Neural MDS), or a file of one row an image.
  std::vector<std::string> spaces = {"pca"};
  std::int64_t components = 16;     ///< of pca and mds
  bool by_rank = false;             ///< Spearman's correlation in place of Pearson's
  double false_discovery = .05;     ///< share of false ones among the correlations that count
  std::int64_t clusters = 0;        ///< 0: as many as are stable
  std::int64_t permutations = 999;  ///< behind the p-value of a cluster's name
  std::int64_t neighbours = 10;     ///< of hub statistics and CSLS
  double beta = 50;                 ///< of Sinkhorn: exp(beta cosine)
  std::int64_t folds = 5;           ///< of the probe
};

/// A figure with a 95 % interval; low and high are NaN where rows are too few for one.
struct Estimate {
  double value = 0, low = 0, high = 0;
};

/// Retrieval in both directions under one way to score.
struct ScoredRetrieval {
  std::string method;  ///< cosine, csls, csls_bank, sinkhorn, sinkhorn_bank
  RetrievalScores image_to_text, text_to_image;
  Interval i2t_top1 = {}, t2i_top1 = {};      ///< with bootstrap intervals over the queries
  Interval i2t_change = {}, t2i_change = {};  ///< against the cosine alone
};

/// How often one candidate is among the nearest of many queries.
struct HubFindings {
  Estimate image_to_text, text_to_image;       ///< skew of the occurrences
  std::int32_t most_text = 0, most_image = 0;  ///< queries that the largest hub serves
  double never_text = 0, never_image = 0;      ///< share of the candidates that serve none
};

/// A cosine table: texts down, images across.
struct CosineExtract {
  std::vector<std::int64_t> texts, images;
  std::vector<std::vector<double>> cosines;  ///< [texts][images]
  /// Of each text the image of the highest cosine among all images, whether in the table or not.
  std::vector<std::int64_t> best_image;
  std::vector<double> best_cosine;  ///< of that image
  /// The column of that image; as many as there are columns where the table does not show it.
  std::vector<std::size_t> best_column;
};

/// One feature and one component that go together.
struct Association {
  std::string feature;
  bool text = false;  ///< the feature is the cosine with a text, not a label
  std::int64_t component = 0;
  double r = 0, low = 0, high = 0, p = 1, q = 1;
};

/// What a component's low and high ends look like.
struct Component {
  std::string low_text, high_text;  ///< the texts of the lowest and highest correlation
  double low_r = 0, high_r = 0;
};

/// Correlations for a picture.
struct CorrelationPicture {
  std::vector<std::string> features;      ///< labels first, then texts
  std::vector<std::vector<double>> r, q;  ///< [features][components]
};

/// One set of components against all features.
struct SpaceFindings {
  std::string name;  ///< coordinates, pca, mds, or a file's
  std::int64_t components = 0, features = 0, rows = 0;
  std::int64_t tested = 0;       ///< correlations; one with a constant is none
  std::int64_t significant = 0;  ///< those whose q is below the bound
  std::int64_t labels_tested = 0, labels_significant = 0;  ///< those with labels and attributes
  std::vector<Association> strongest = {};  ///< labels and attributes first, then texts; by |r|
  std::vector<Component> meanings = {};     ///< of each component, by the texts
  CorrelationPicture picture = {};
};

struct ClusterFinding {
  std::int64_t size = 0;
  std::vector<std::string> names;  ///< nearest text first
  double cosine = 0, margin = 0, p = 1, q = 1;
};

/// How well the first factor's classes can be told.
struct ClassFindings {
  std::string factor;
  std::int64_t classes = 0, rows = 0;
  double chance = 0;                     ///< the commonest class
  std::optional<Interval> probe = {};    ///< logistic regression, cross-validated
  std::optional<Interval> texts = {};    ///< nearest mean text of a class, texts of other folds
  bool texts_are_prompts = false;        ///< of many images each: then those are zero-shot
  std::optional<Interval> prompts = {};  ///< zero-shot by the prompts that were given
};

struct SemanticFindings {
  std::int64_t images = 0, texts = 0, dim = 0;
  bool paired = false;
  std::optional<ModalityGap> gap;
  Estimate gap_distance, paired_cosine, other_cosine;
  std::optional<HubFindings> hubs;
  std::vector<ScoredRetrieval> retrieval;  ///< cosine first; empty unless paired
  CosineExtract table;
  std::vector<SpaceFindings> spaces;
  double stability = 0;  ///< of the number of clusters, NaN where it was given
  std::vector<ClusterFinding> clusters;
  std::optional<ClassFindings> classes;
  std::vector<RareClasses> rare;      ///< classes too small for the folds, left out
  PairMatch match;                    ///< of pairs
  RepeatedPairs repeated;             ///< rows that equal an earlier one
  std::vector<std::string> left_out;  ///< what there were too few rows for, in words
};

/// Everything that can be refused before the work begins.
/// @throws UsageError, Error
void check_semantic(const SemanticData& data, const SemanticSettings& settings);

/// What the texts say of the images: docs/semantic_study.md. Prints its tables and leaves
/// results.json's keys, similarity.png, correlation.png and arrays in the run.
SemanticFindings run_semantic_study(Run& run, const SemanticData& data,
                                    const SemanticSettings& settings);

}  // namespace clipk::study
