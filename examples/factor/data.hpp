#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/io/attributes.hpp"
#include "study/pictures/picture_grid.hpp"
#include "study/rare_classes.hpp"

namespace clipk::study {

class Program;
class Run;

/// Rows whose factors are to be told apart.
struct FactorData {
  Matrix<float> rows;  ///< [n, d] on the host
  std::vector<Factor> factors;
  std::vector<RareClasses> rare;      ///< classes of fewer than kFewestOfClass rows, left out
  ImageShape shape;                   ///< of rows that are pictures
  bool vectors = false;               ///< rows are embeddings
  Matrix<float> texts;                ///< [n, d] beside embeddings, or empty
  std::vector<std::string> captions;  ///< [n] likewise
};

/// Where a program's rows and factors come from: --images and --attributes; --embeddings with
/// --captions and --words or --attributes; else --data: generated images, Fashion-MNIST's test
/// images by class, or COCO-500.
class FactorSource {
 public:
  /// Adds the options.
  explicit FactorSource(Program& program);

  /// Reads or generates everything, and enters it in the manifest. The first line of the output
  /// says what it is. @throws UsageError if options contradict, Error if the data is bad.
  FactorData load(Run& run) const;

 private:
  FactorData read(Run& run) const;
  FactorData generated(Run& run) const;
  FactorData images(Run& run, const std::filesystem::path& rows,
                    const std::filesystem::path& attributes,
                    const std::vector<std::string>& names) const;
  FactorData embeddings(Run& run, const std::filesystem::path& rows,
                        const std::filesystem::path& texts,
                        const std::filesystem::path& captions) const;

  std::string data_ = "generated";
  std::int64_t generated_ = 20'000;
  std::filesystem::path images_, attributes_, names_, embeddings_, texts_, captions_, words_;
  std::string shape_;
};

}  // namespace clipk::study
