#pragma once

#include <cstdint>
#include <vector>

#include "support/uniform_rows.hpp"

namespace clipk::test {

/// Images, each with five texts one after another, as tests/golden/make_retrieval.py makes them:
/// their recalls are golden::recall_of_five_texts.
struct FiveTexts {
  FiveTexts() : images(uniform_rows(200, 24, 11)), texts(uniform_rows(1000, 24, 15)) {
    for (std::int32_t t = 0; t < 1000; ++t) {
      index.push_back(t / 5);
      for (std::int64_t j = 0; j < 24; ++j) texts(t, j) = images(t / 5, j) + 2 * texts(t, j);
    }
  }
  Matrix<float> images, texts;
  std::vector<std::int32_t> index;
};

}  // namespace clipk::test
