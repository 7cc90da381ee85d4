#pragma once

#include <cmath>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "clipk/core/random.hpp"
#include "clipk/io/npy.hpp"
#include "examples/study/study_files.hpp"

namespace clipk::test {

/// Small pictures of two factors on disk, and factor_study run on them.
class FactorTest : public StudyTest {
 protected:
  static constexpr std::int64_t kRows = 160;
  static constexpr std::int64_t kSide = 4;

  FactorTest() : StudyTest(FACTOR_STUDY) {
    write_npy(path("x.npy"), pictures());
    write_attributes("a.csv", kRows);
  }

  /// A bar along one of two directions, as bright as the value: both can be read from the picture.
  static Matrix<float> pictures() {
    Random random(3);
    Matrix<float> rows(kRows, kSide * kSide);
    for (std::int64_t i = 0; i < kRows; ++i) {
      for (std::int64_t y = 0; y < kSide; ++y) {
        for (std::int64_t x = 0; x < kSide; ++x) {
          const bool on = i % 2 == 0 ? y == 1 : x == 2;
          rows(i, y * kSide + x) = static_cast<float>((on ? value(i) : .1) + .02 * random.normal());
        }
      }
    }
    return rows;
  }
  static double value(std::int64_t row) {
    return .3 + .6 * static_cast<double>(row * 37 % 101) / 101;
  }

  void write_attributes(const std::string& name, std::int64_t rows) const {
    std::ofstream file(path(name));
    file << "direction,value\n";
    for (std::int64_t i = 0; i < rows; ++i) {
      file << (i % 2 == 0 ? "across" : "down") << ',' << value(i) << '\n';
    }
  }
  void write_text(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
  }

  std::vector<std::string> toy() const {
    return {"--images",     path("x.npy"),
            "--attributes", path("a.csv"),
            "--layers",     "24",
            "--latent",     "4",
            "--epochs",     "20",
            "--blocks",     "2",
            "--width",      "16",
            "--depth",      "1",
            "--edits",      "40",
            "--iin-epochs", "20",
            "--threads",    "1"};
  }
};

}  // namespace clipk::test
