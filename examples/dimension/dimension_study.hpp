#pragma once

#include <cstdint>
#include <string>

#include "clipk/io/embeddings.hpp"
#include "dimension/findings.hpp"
#include "dimension/fits.hpp"
#include "study/pair_checks.hpp"
#include "study/run.hpp"

namespace clipk::study {

/// The options of the dimension study.
struct DimensionArguments {
  DimensionSettings settings{.dims = {512, 256, 192, 128, 64, 32, 16},
                             .methods = {"pca", "paired", "random", "isometric", "isotonic"},
                             .holdout = 0.5,
                             .splits = 5,
                             .margin = 0.02};
  std::int64_t epochs = 200;         ///< of a Neural MDS
  std::int64_t quads = 0;            ///< of an epoch; 0: 1600 a pair
  std::string quads_from = "query";  ///< or all
  bool dims_chosen = false;          ///< else those of the default that the data has are taken
  bool holdout_chosen = false;       ///< else nothing is held out of too few pairs
};

/// How far the dimension of the pairs can fall: docs/dimension_study.md. Leaves in the run
/// `smallest_dim`, `margin`, `intervals`, quality.png, the reduced rows.
/// @param equal equal_rows of the pairs
/// @throws UsageError, Error before the work begins where the options do not fit the data
DimensionFindings run_dimension_study(Run& run, const EmbeddingPairs& pairs, const EqualRows& equal,
                                      DimensionArguments arguments);

}  // namespace clipk::study
