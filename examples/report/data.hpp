#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "clipk/io/attributes.hpp"
#include "clipk/io/embeddings.hpp"
#include "pairs.hpp"

namespace clipk::study {

/// What all studies of a report share, read, checked and normalised once.
struct ReportData {
  EmbeddingPairs pairs;               ///< unit rows
  std::vector<std::string> captions;  ///< [n] of the texts, or empty
  std::optional<Factor> labels;       ///< of the images, at least 2 classes
  std::string name;                   ///< of the data, for the title
  std::vector<std::string> notes;     ///< what a reader must know of the data
};

/// Where they come from: the options of PairSource, --captions, --labels and --label-names; of
/// COCO-500 what lies beside its vectors.
class ReportSource {
 public:
  /// Adds the options.
  explicit ReportSource(Program& program);

  /// Reads and checks everything, and enters it in the manifest.
  /// @throws UsageError if options contradict, Error if the data is bad or there is too little.
  ReportData load(Run& run) const;

 private:
  CLI::App& app_;
  PairSource pairs_;
  std::filesystem::path captions_, labels_, names_;
};

}  // namespace clipk::study
