#pragma once

#include <cstdint>

namespace clipk {

/// The uses of random numbers, in one table. Each use has its own stream, a counter space that no
/// other use of the same seed reaches. The comments give the meaning of the step (0 where nothing
/// is said) and of the index, where it is not the number of a block in the order of a `Random`. A
/// test checks that every stream is used in one place.
///
/// Never change a value or give it to another use: results would change.
enum class RandomStream : std::uint32_t {
  // For callers: nothing in the library or its programs draws from these.
  general = 0,  ///< for uses without a stream of their own
  data = 5,     ///< rows that are generated

  // core and ops
  quadruples = 3,  ///< quad_hinge_loss: the caller's step; index: quad_draw.hpp, a private header
  /// corrupt and gaussian_posterior: the caller's step; index = site << 32 | place of four values.
  /// Sites 0 and 1: input dropout and noise of an Autoencoder, training and samples of a Vae; from
  /// 2 on two for each layer of an Autoencoder; from 65536 on those of Iin.
  corruption = 7,

  // io
  synthetic_pairs = 10,   ///< synthetic_pairs: step = which basis, 0 to 2, or draw, 3 to 5
  synthetic_images = 11,  ///< synthetic_images: all numbers of one picture, then those of the next

  // train
  /// Mlp: step = 1024 network + layer. Networks 0 and 1: NeuralMds, Autoencoder or Vae, which start
  /// alike under one seed; from 256 on those of Flow; from 65536 on those of Probe.
  weights = 1,
  /// Trainer, the order of rows: step = epoch, index = row. Trainers of one seed use one order.
  shuffle = 2,

  // metrics
  bootstrap = 4,           ///< paired_bootstrap: step = resample, index = draw / 4
  kendall_distance = 12,   ///< sampled_kendall_distance: step = attempt, index = quadruple
  silhouette_sample = 13,  ///< silhouette: the sampled rows

  // models
  projection = 14,  ///< RandomProjection: step = output dimension
  mds_split = 15,   ///< NeuralMds: the pairs that choose the number of epochs
  /// KMeans, the start: step = restart. ProductQuantizer: step = sub-vector, level by level.
  clusters = 6,
  cluster_seeds = 16,       ///< choose_clusters, the seeds of its runs: index = run
  cluster_samples = 17,     ///< choose_clusters, rows of a run, by its own seed: index = row
  dec_shuffle = 18,         ///< Dec, the order of rows: step = epoch, index = row
  label_permutations = 19,  ///< cluster_names: step = permutation
  map_start = 20,           ///< Tsne
  probe_split = 21,         ///< Probe: held-out rows
  probe_folds = 22,         ///< cross_validate
  probe_choice = 23,        ///< choose_c: held-out rows
  flow = 9,                 ///< Flow, permutations: step = block
  flow_samples = 24,        ///< Flow::sample: step = draw
  pairs = 8,                ///< FactorPairs::draw: the caller's step, Iin's epoch
  pairs_of_factor = 25,     ///< FactorPairs::draw_for: the caller's step, factor_sizes' factor
  torn_pairs = 26,          ///< factor_sizes, rows re-paired at random: step = factor
  iin_start = 27,           ///< Iin: rows that initialise its flow
  quantizer_rows = 44,      ///< ProductQuantizer: rows used to fit
  binary_rotation = 39,     ///< BinaryQuantizer: step = row of the matrix made orthonormal

  // programs
  dimension_splits = 28,   ///< dimension_study, held-out pairs: step = split
  factor_split = 29,       ///< factor_study, held-out rows
  factor_edits = 30,       ///< factor_study, rows for edits: step = factor
  map_rows = 31,           ///< cluster_study: rows on the map
  semantic_rows = 32,      ///< semantic_study: images behind correlations and clusters
  correlated_texts = 33,   ///< semantic_study: texts that components are correlated with
  bank_halves = 34,        ///< semantic_study: queries that correct the others
  class_folds = 35,        ///< semantic_study: folds of the probe
  report_rows = 36,        ///< report: pairs of a page
  report_dimensions = 37,  ///< report: pairs used to compare dimensions
  drawing_order = 38,      ///< scatter charts, which points are drawn on top: seed 0
};

}  // namespace clipk
