#pragma once

#include <cstdint>
#include <vector>

#include "clipk/core/view.hpp"

namespace clipk {

/// A one-to-one matching of rows to columns.
struct Assignment {
  std::vector<std::int32_t> col_of_row;  ///< [rows] -1 where a row has none
  std::vector<std::int32_t> row_of_col;  ///< [cols] -1 where a column has none
  std::int64_t total = 0;                ///< the sum of the matched weights
};

/// The one-to-one matching of min(rows, cols) rows and columns with the largest sum of weights;
/// negate the weights for the smallest sum. Exact: integers throughout. Shortest augmenting
/// paths (the Hungarian method), O(min^2 max) time, O(rows + cols) memory (where rows > cols, a
/// copy of the weights).
///
/// @param weights [rows, cols], on the host; either extent may be 0
/// @throws Error if an extent is beyond 2^31 - 1 or a weight beyond
///   2^62 / max(16, min(rows, cols)), so that no sum can leave 64 bits.
/// Deterministic: yes. Source: Kuhn 1955; Jonker and Volgenant 1987.
Assignment hungarian(MatrixView<const std::int64_t> weights);

}  // namespace clipk
