#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "clipk/core/random.hpp"
#include "clipk/io/npy.hpp"
#include "examples/study/study_files.hpp"

namespace clipk::test {

/// Small pairs of four themes on disk, with captions and labels, and semantic_study run on them.
class SemanticTest : public StudyTest {
 protected:
  static constexpr std::int64_t kPairs = 80;
  static constexpr std::int64_t kDim = 12;
  static constexpr std::int32_t kThemes = 4;

  SemanticTest() : StudyTest(SEMANTIC_STUDY) {
    write_npy(path("images.npy"), vectors(kPairs, 0));
    write_npy(path("texts.npy"), vectors(kPairs, 1));
    write_text("captions.txt", captions(kPairs));
    write_npy(path("labels.npy"), labels(kPairs));
    write_text("names.txt", "cat\ndog\nkitchen\nroad\n");
  }

  /// A theme's axis, what the pair shares, noise, and an axis of the modality's own: the gap.
  static Matrix<float> vectors(std::int64_t n, std::int64_t modality) {
    Random shared(5), own(6 + static_cast<std::uint64_t>(modality));
    Matrix<float> rows(n, kDim);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < kDim; ++j) {
        double value = .25 * shared.normal() + .1 * own.normal();
        if (j == i % kThemes) value += 1;
        if (j == kDim - 1 - modality) value += .8;
        rows(i, j) = static_cast<float>(value);
      }
    }
    return rows;
  }
  static std::string captions(std::int64_t n) {
    static const char* const kNames[] = {"a cat", "two dogs", "the kitchen", "a road"};
    std::string text;
    for (std::int64_t i = 0; i < n; ++i) {
      text += std::string(kNames[i % kThemes]) + ", number " + std::to_string(i) + "\n";
    }
    return text;
  }
  static std::vector<std::int32_t> labels(std::int64_t n) {
    std::vector<std::int32_t> values;
    for (std::int64_t i = 0; i < n; ++i) {
      values.push_back(i < 3 ? -1 : static_cast<std::int32_t>(i % kThemes));
    }
    return values;
  }
  void write_text(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
  }

  std::vector<std::string> toy() const {
    return {"--images",       path("images.npy"),
            "--texts",        path("texts.npy"),
            "--captions",     path("captions.txt"),
            "--labels",       path("labels.npy"),
            "--label-names",  path("names.txt"),
            "--count",        "6",
            "--show",         "4",
            "--permutations", "99",
            "--threads",      "1"};
  }
};

}  // namespace clipk::test
