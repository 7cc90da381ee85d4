#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "clipk/core/matrix.hpp"
#include "clipk/core/random.hpp"

namespace clipk::test {

/// Rows of a host matrix, in this order; a row may come again.
inline Matrix<float> picked_rows(const Matrix<float>& from, const std::vector<std::int64_t>& rows) {
  Matrix<float> picked(static_cast<std::int64_t>(rows.size()), from.cols());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(from.view().row(rows[i]), from.cols(),
                picked.view().row(static_cast<std::int64_t>(i)));
  }
  return picked;
}

/// 0 ... n - 1, each `times` times one after another.
inline std::vector<std::int64_t> each_row(std::int64_t n, std::int64_t times) {
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < n * times; ++i) rows.push_back(i / times);
  return rows;
}

}  // namespace clipk::test
