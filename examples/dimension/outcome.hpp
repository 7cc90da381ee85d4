#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/archive.hpp"
#include "clipk/io/embeddings.hpp"
#include "dimension/fits.hpp"

namespace clipk::study {

/// What was measured on one set of pairs under one map.
struct Measured {
  std::vector<std::int32_t> i2t_ranks, t2i_ranks;    ///< of every query, 0 is a match
  double stress1 = 0, kendall_distance = 0;          ///< of the image block
  double map_stress1 = 0, map_kendall_distance = 0;  ///< of the map that retrieval uses
};

/// Above so many rows the Kendall distance is estimated, from so many quadruples: all pairs of
/// rows, in order, take 8 n^2 bytes.
inline constexpr std::int64_t kMostRowsOrdered = 10'000, kSampledOrders = 20'000'000;

Measured measure(Context& context, const EmbeddingPairs& pairs, const Codes& codes);
/// The rows as they are: no map.
Measured measure_baseline(Context& context, const EmbeddingPairs& pairs);

/// One fit: a method and dimension on all pairs, or on the training half of a split.
struct Outcome {
  Measured train;                ///< on the pairs of the fit
  std::optional<Measured> held;  ///< on the others
  Matrix<float> images, texts;   ///< the codes of a fit on all pairs
  std::int64_t epochs = 0;
  double seconds = 0;
};

void add_fit(ArchiveWriter& archive, const std::string& prefix, const Outcome& outcome);
void read_fit(const ArchiveReader& archive, const std::string& prefix, Outcome& outcome);

/// How many rows a set of pairs has, and how many of them ask (PairQueries).
struct SetSizes {
  std::int64_t images = 0, texts = 0;
  std::int64_t image_queries = 0, text_queries = 0;
  /// Of n pairs.
  static SetSizes of(std::int64_t n) { return {n, n, n, n}; }
};
/// Of these images of the pairs, with the texts that select_pairs takes.
SetSizes sizes_of(const EmbeddingPairs& pairs, const std::vector<std::int64_t>& rows);
/// Of all.
SetSizes sizes_of(const EmbeddingPairs& pairs);

/// What an outcome is of.
struct OutcomeSizes {
  SetSizes train = {};   ///< pairs of the fit
  SetSizes held = {};    ///< the others; of no image: a fit on all pairs, which keeps its codes
  std::int64_t dim = 0;  ///< of the codes
};
/// @throws Error that says what is not as an outcome of these sizes has it.
void check_fit(const Outcome& outcome, const OutcomeSizes& sizes);

}  // namespace clipk::study
