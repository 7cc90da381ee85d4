#pragma once

#include <string>
#include <vector>

#include "clipk/core/random.hpp"
#include "clipk/io/embeddings.hpp"
#include "clipk/io/npy.hpp"
#include "examples/study/study_files.hpp"

namespace clipk::test {

/// Small pairs on disk, and dimension_study run on them.
class DimensionTest : public StudyTest {
 protected:
  static constexpr std::int64_t kPairs = 40;
  static constexpr std::int64_t kDim = 16;

  DimensionTest() : StudyTest(DIMENSION_STUDY), pairs_(toy_pairs(kPairs)) {
    write_npy(path("i.npy"), pairs_.images);
    write_npy(path("t.npy"), pairs_.texts);
  }

  /// Texts are their images, blurred, and apart from them by one offset; of any length.
  static EmbeddingPairs toy_pairs(std::int64_t n) {
    Random random(1);
    std::vector<double> offset(kDim);
    for (double& value : offset) value = 2 * random.normal();
    EmbeddingPairs pairs{Matrix<float>(n, kDim), Matrix<float>(n, kDim)};
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < kDim; ++j) {
        const double value = random.normal();
        pairs.images(i, j) = static_cast<float>(value);
        pairs.texts(i, j) =
            static_cast<float>(value + 0.6 * random.normal() + offset[static_cast<std::size_t>(j)]);
      }
    }
    return pairs;
  }

  std::vector<std::string> toy() const {
    return {"--images", path("i.npy"), "--texts",  path("t.npy"), "--dims",    "8,4",
            "--epochs", "6",           "--splits", "2",           "--threads", "1"};
  }

  EmbeddingPairs pairs_;
};

}  // namespace clipk::test
