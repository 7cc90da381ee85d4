#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>

#include "clipk/core/matrix.hpp"

namespace clipk::test {

/// Whether two matrices on the CPU have one shape and the same bytes in every row.
inline ::testing::AssertionResult same_bytes(MatrixView<const float> a, MatrixView<const float> b) {
  if (a.rows != b.rows || a.cols != b.cols) {
    return ::testing::AssertionFailure() << "shapes [" << a.rows << ", " << a.cols << "] and ["
                                         << b.rows << ", " << b.cols << "]";
  }
  for (std::int64_t i = 0; i < a.rows; ++i) {
    if (std::memcmp(a.row(i), b.row(i), static_cast<std::size_t>(a.cols) * sizeof(float)) != 0) {
      return ::testing::AssertionFailure() << "other bytes in row " << i;
    }
  }
  return ::testing::AssertionSuccess() << "the same bytes";
}

}  // namespace clipk::test
