#pragma once

#include <cstdint>

namespace clipk {

/// What random numbers are for: the one table of who draws what. Each use has a stream of its own,
/// a counter space that no other use of the same seed reaches, and is written down here with what
/// its step means (0 where nothing is said) and its index, where that is not the number of a block
/// in the order of a `Random`. A test holds that every stream is used in one place.
///
/// A value is never given to another use, nor changed: results would move.
enum class RandomStream : std::uint32_t {
  // Of callers: nothing in the library or its programs draws from these.
  general = 0,  ///< whatever has none of its own
  data = 5,     ///< rows that are made up

  // core and ops
  quadruples = 3,  ///< quad_hinge_loss: the caller's step; the index is quad_draw.hpp's
  /// corrupt and gaussian_posterior: the caller's step; index = site << 32 | place of four values.
  /// Sites 0
  /// and 1: input dropout and noise of an Autoencoder, training and samples of a Vae; from 2 on two
  /// for each layer of an Autoencoder; from 65536 on those of Iin.
  corruption = 7,

  // io
  synthetic_pairs = 10,   ///< synthetic_pairs: step = which basis, 0 to 2, or draw, 3 to 5
  synthetic_images = 11,  ///< synthetic_images: all of a picture, then the next one's

  // train
  /// Mlp: step = 1024 network + layer. Networks 0 and 1: NeuralMds, Autoencoder or Vae, which start
  /// alike under one seed; from 256 on those of Flow; from 65536 on those of Probe.
  weights = 1,
  /// Trainer, the order of rows: step = epoch, index = row. Trainers of one seed order alike.
  shuffle = 2,

  // metrics
  bootstrap = 4,           ///< paired_bootstrap: step = resample, index = draw / 4
  kendall_distance = 12,   ///< sampled_kendall_distance: step = attempt, index = quadruple
  silhouette_sample = 13,  ///< silhouette: the rows that are looked at

  // models
  projection = 14,          ///< RandomProjection: step = output dimension
  mds_split = 15,           ///< NeuralMds: the pairs that tell how many epochs are best
  clusters = 6,             ///< KMeans, the start: step = restart
  cluster_seeds = 16,       ///< choose_clusters, the seeds of its runs: index = run
  cluster_samples = 17,     ///< choose_clusters, rows of a run, by its own seed: index = row
  dec_shuffle = 18,         ///< Dec, the order of rows: step = epoch, index = row
  label_permutations = 19,  ///< name_clusters: step = permutation
  map_start = 20,           ///< Tsne
  probe_split = 21,         ///< Probe: held-out rows
  probe_folds = 22,         ///< cross_validate
  probe_choice = 23,        ///< choose_c: held-out rows
  flow = 9,                 ///< Flow, permutations: step = block
  flow_samples = 24,        ///< Flow::sample: step = draw
  pairs = 8,                ///< FactorPairs::draw: the caller's step, Iin's epoch
  pairs_of_factor = 25,     ///< FactorPairs::draw_for: the caller's step, factor_sizes' factor
  torn_pairs = 26,          ///< factor_sizes, pairs torn apart: step = factor
  iin_start = 27,           ///< Iin: rows that its flow starts from

  // programs
  dimension_splits = 28,   ///< dimension_study, held-out pairs: step = split
  factor_split = 29,       ///< factor_study, held-out rows
  factor_edits = 30,       ///< factor_study, pairs for edits: step = factor
  map_rows = 31,           ///< cluster_study: rows on the map
  semantic_rows = 32,      ///< semantic_study: images behind correlations and clusters
  correlated_texts = 33,   ///< semantic_study: texts that components are correlated with
  bank_halves = 34,        ///< semantic_study: queries that correct the others
  class_folds = 35,        ///< semantic_study: folds of the probe
  report_rows = 36,        ///< report: pairs of a page
  report_dimensions = 37,  ///< report: pairs that dimensions are compared on
  drawing_order = 38,      ///< scatter charts, points over points: seed 0
};

}  // namespace clipk
