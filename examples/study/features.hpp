#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"

namespace clipk::study {

class Program;
class Run;

/// The rows that a study clusters, with the class of each where that is known.
struct LabelledRows {
  Matrix<float> rows;                 ///< [n, d] on the host
  std::vector<std::int32_t> classes;  ///< [n], an index into `names`, -1 for none; or empty
  std::vector<std::string> names;     ///< of the classes that occur, by rising label
  bool labelled() const { return !classes.empty(); }
};

/// Where a program's rows come from: --features and --labels; else Fashion-MNIST (Debian's
/// dataset-fashion-mnist), its 10,000 test images or with --full all 70,000.
class FeatureSource {
 public:
  /// Adds the options.
  explicit FeatureSource(Program& program);

  /// Reads and checks everything, and enters it in the manifest. The first line of the output says
  /// what the rows are. @throws UsageError if options contradict, Error if the data is bad.
  LabelledRows load(Run& run) const;

 private:
  std::filesystem::path features_;
  std::filesystem::path labels_;
  std::filesystem::path names_;
  bool full_ = false;
};

}  // namespace clipk::study
