#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "clipk/core/random.hpp"
#include "clipk/io/attributes.hpp"
#include "clipk/io/embeddings.hpp"
#include "study/pairs.hpp"

namespace clipk::study {

/// What all studies of a report share, read, checked and normalised once.
struct ReportData {
  EmbeddingPairs pairs;               ///< unit rows; an image may have several texts
  EqualRows equal;                    ///< equal_rows of them
  std::vector<std::string> captions;  ///< of the texts, or empty
  std::optional<Factor> labels;       ///< of the images: at least 2 classes, none of them rare
  std::string name;                   ///< of the data, for the title
  std::vector<std::string> notes;     ///< what a reader must know of the data
};

/// So many rows at most, drawn at random, rising; all where there are no more.
std::vector<std::int64_t> drawn_rows(std::int64_t rows, std::int64_t most, Random random);

/// Where they come from: the options of PairSource, --captions, --labels and --label-names; of
/// COCO-500 what lies beside its vectors.
class ReportSource {
 public:
  /// Adds the options.
  explicit ReportSource(Program& program);

  /// Reads and checks everything, and enters it in the manifest. Of more than 20,000 pairs as many
  /// are drawn.
  /// @throws UsageError if options contradict, Error if the data is bad or there is too little.
  ReportData load(Run& run) const;

 private:
  Program& program_;
  PairSource pairs_;
  std::filesystem::path captions_, labels_, names_;
};

}  // namespace clipk::study
