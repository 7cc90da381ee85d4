#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/attributes.hpp"
#include "study/pair_checks.hpp"

namespace clipk::study {

class Program;
class Run;

/// Images and the texts that are to tell what they mean, as unit rows on the host.
struct SemanticData {
  Matrix<float> images;               ///< [n, d]
  Matrix<float> texts;                ///< [m, d]
  std::vector<std::string> captions;  ///< [m], what the texts say; or empty
  bool paired = false;  ///< text i belongs to image i (then m = n), or as `image_of_text` says
  /// [m] where an image may have several texts, or none: its row, -1 for none; else empty
  std::vector<std::int32_t> image_of_text;
  EqualRows equal;              ///< equal_rows of them
  std::vector<Factor> factors;  ///< what is known of the images
  Matrix<float> prompts;        ///< [p, d] texts of the classes of the first factor; or empty
  std::vector<std::int32_t> prompt_classes;  ///< [p]

  /// What text i says, or its number.
  std::string caption(std::int64_t text) const;
};

/// Where a program's images, texts and labels come from: --images, --texts and what is beside
/// them; else COCO-500 with its themes; else synthetic pairs.
class SemanticSource {
 public:
  /// Adds the options.
  explicit SemanticSource(Program& program);

  /// Reads and checks everything, and enters it in the manifest. The first line of the output says
  /// what it is. @throws UsageError if options contradict, Error if the data is bad.
  SemanticData load(Run& run) const;

 private:
  void read_factors(Run& run, SemanticData& data, const std::filesystem::path& labels,
                    const std::filesystem::path& names) const;
  void read_prompts(Run& run, SemanticData& data) const;

  std::filesystem::path images_, texts_, captions_, labels_, attributes_, names_, prompts_,
      prompt_labels_, index_;
  std::int64_t generated_ = 0;
  bool unpaired_ = false;
};

}  // namespace clipk::study
