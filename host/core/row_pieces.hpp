#pragma once

#include <algorithm>
#include <cstdint>

namespace clipk {

/// Calls f(first, count) for pieces of at most 8192 rows each, so that results computed from all
/// rows need not fit into memory at once.
template <class F>
void for_row_pieces(std::int64_t rows, F&& f) {
  constexpr std::int64_t kPieceRows = 8192;
  for (std::int64_t first = 0; first < rows; first += kPieceRows) {
    f(first, std::min(kPieceRows, rows - first));
  }
}

}  // namespace clipk
