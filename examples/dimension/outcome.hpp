#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/embeddings.hpp"
#include "dimension/fits.hpp"

namespace clipk::study {

/// What was measured on one set of pairs under one map.
struct Measured {
  std::vector<std::int32_t> i2t_ranks, t2i_ranks;  ///< of every query, 0 is a match
  double stress1 = 0, order_error = 0;             ///< of the image block
  double map_stress1 = 0, map_order_error = 0;     ///< of the map that retrieval uses
};

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

/// Finished fits by key ("pca/64/all", "pca/64/3"), in a file if one is given: a study that was
/// stopped goes on with the first fit that is missing.
class OutcomeStore {
 public:
  /// @throws Error if the file is not a checkpoint of this fingerprint, or cannot be written.
  OutcomeStore(std::filesystem::path file, std::string fingerprint);

  const Outcome* find(const std::string& key) const;
  const Outcome& add(const std::string& key, Outcome outcome);
  /// Where the trainer keeps the fit in progress; empty without a file. One name a fit: what a
  /// kill leaves behind is taken up by its own fit alone.
  std::filesystem::path fit_file(const std::string& key) const;

 private:
  void remove_fit(const std::string& key) const;
  void load();
  void save() const;

  std::filesystem::path file_;
  std::string fingerprint_;
  std::map<std::string, Outcome> outcomes_;
};

}  // namespace clipk::study
