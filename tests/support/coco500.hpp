#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "clipk/core/matrix.hpp"

namespace clipk::test {

/// The 500 pairs that `script/fetch-data` brings, rows of length one.
struct Coco500 {
  Matrix<float> images;  // [500, 512]
  Matrix<float> texts;
  std::vector<std::int32_t> themes;  // [500], -1 where a caption names none; may be missing
};

/// From $CLIPK_DATA, or else from data/ in the source tree: the folder itself or its coco500/.
/// Nothing where there is no such folder.
/// @param control the same pairs through a CLIP that was never trained
std::optional<Coco500> load_coco500(bool control = false);

}  // namespace clipk::test

/// Declares `data`, or skips the test where the pairs are not there.
#define CLIPK_COCO500_OR_SKIP(data, control)                           \
  const auto data##_loaded = ::clipk::test::load_coco500(control);     \
  if (!data##_loaded) {                                                \
    GTEST_SKIP() << "no COCO-500 here: script/fetch-data brings them"; \
  }                                                                    \
  const auto& data = *data##_loaded
