#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "clipk/core/random.hpp"
#include "clipk/io/npy.hpp"
#include "examples/study/study_files.hpp"

namespace clipk::test {

/// Small rows in four planted clusters on disk, and cluster_study run on them.
class ClusterTest : public StudyTest {
 protected:
  static constexpr std::int64_t kRows = 120;
  static constexpr std::int64_t kDim = 12;
  static constexpr std::int32_t kClasses = 4;

  ClusterTest() : StudyTest(CLUSTER_STUDY), rows_(planted(kRows)), classes_(classes(kRows)) {
    write_npy(path("x.npy"), rows_);
    write_npy(path("y.npy"), classes_);
  }

  static std::vector<std::int32_t> classes(std::int64_t n) {
    std::vector<std::int32_t> values;
    for (std::int64_t i = 0; i < n; ++i) values.push_back(static_cast<std::int32_t>(i % kClasses));
    return values;
  }
  /// Around one axis a class, far enough apart for every method.
  static Matrix<float> planted(std::int64_t n) {
    Random random(3);
    Matrix<float> rows(n, kDim);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < kDim; ++j) {
        const double centre = j % kClasses == i % kClasses ? 1 : 0;
        rows(i, j) = static_cast<float>(centre + .15 * random.normal());
      }
    }
    return rows;
  }

  std::vector<std::string> toy() const {
    return {"--features",   path("x.npy"),
            "--labels",     path("y.npy"),
            "--layers",     "16,4",
            "--epochs",     "20",
            "--restarts",   "3",
            "--seeds",      "2",
            "--methods",    "kmeans,autoencoder,dec,idec",
            "--perplexity", "10",
            "--threads",    "1"};
  }

  Matrix<float> rows_;
  std::vector<std::int32_t> classes_;
};

}  // namespace clipk::test
