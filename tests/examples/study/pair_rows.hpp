#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/random.hpp"
#include "clipk/core/select_rows.hpp"

namespace clipk::test {

/// 0 ... n - 1, each `times` times one after another.
inline std::vector<std::int64_t> each_row(std::int64_t n, std::int64_t times) {
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < n * times; ++i) rows.push_back(i / times);
  return rows;
}

}  // namespace clipk::test
