#include "clipk/metrics/hungarian.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <string>

#include "clipk/core/matrix.hpp"
#include "core/check.hpp"

namespace clipk {
namespace {

constexpr const char* kName = "hungarian";

// Finds the column that is matched to each row of weights [n, m], n <= m.
//
// Rows are added one by one, each by a shortest augmenting path over the costs -weight, reduced by
// potentials: cost(i, j) >= u[i] + v[j], equal where i and j are matched, v <= 0, and v = 0 where j
// is free. While a column is free, this bounds the potentials. With |cost| <= c: u <= c, so
// v >= -2 c and u >= -c, and no reduced cost leaves [0, 4 c].
std::vector<std::int32_t> match_rows(MatrixView<const std::int64_t> weights) {
  constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max();
  const auto n = static_cast<std::int32_t>(weights.rows);
  const auto m = static_cast<std::size_t>(weights.cols);
  std::vector<std::int64_t> u(static_cast<std::size_t>(n)), v(m), distance(m);
  std::vector<std::int32_t> row_of(m, -1), from(m);
  std::vector<std::size_t> seen, open;  // columns whose distance is final, and the others
  for (std::int32_t root = 0; root < n; ++root) {
    std::fill(distance.begin(), distance.end(), kFar);
    open.resize(m);
    std::iota(open.begin(), open.end(), std::size_t{0});
    seen.clear();
    std::int32_t row = root;
    std::int64_t length = 0;  // of the path from root to row, in reduced costs
    std::int32_t column_before = -1;
    std::size_t column = 0;
    do {
      const std::int64_t* w = weights.row(row);
      const std::int64_t base = length - u[static_cast<std::size_t>(row)];
      std::size_t best = 0;
      for (std::size_t p = 0; p < open.size(); ++p) {
        const std::size_t j = open[p];
        const std::int64_t there = base - w[j] - v[j];
        if (there < distance[j]) {
          distance[j] = there;
          from[j] = column_before;
        }
        if (distance[j] < distance[open[best]]) best = p;
      }
      column = open[best];
      open[best] = open.back();
      open.pop_back();
      length = distance[column];
      seen.push_back(column);
      column_before = static_cast<std::int32_t>(column);
      row = row_of[column];
    } while (row >= 0);
    // Updates the potentials so that the path, and the tree of the search, have reduced cost 0.
    u[static_cast<std::size_t>(root)] += length;
    for (const std::size_t j : seen) {
      if (row_of[j] < 0) continue;  // the end of the path, still free
      u[static_cast<std::size_t>(row_of[j])] += length - distance[j];
      v[j] -= length - distance[j];
    }
    for (;;) {  // every column on the path gets the row of the one before
      const std::int32_t before = from[column];
      if (before < 0) break;
      row_of[column] = row_of[static_cast<std::size_t>(before)];
      column = static_cast<std::size_t>(before);
    }
    row_of[column] = root;
  }
  std::vector<std::int32_t> col_of(static_cast<std::size_t>(n));
  for (std::size_t j = 0; j < m; ++j) {
    if (row_of[j] >= 0) col_of[static_cast<std::size_t>(row_of[j])] = static_cast<std::int32_t>(j);
  }
  return col_of;
}

}  // namespace

Assignment hungarian(MatrixView<const std::int64_t> weights) {
  const std::int64_t rows = weights.rows, cols = weights.cols;
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  if (rows > kMost || cols > kMost) {
    check::fail(kName, "at most 2147483647 rows and columns", check::shape(rows, cols));
  }
  Assignment result;
  result.col_of_row.assign(static_cast<std::size_t>(rows), -1);
  result.row_of_col.assign(static_cast<std::size_t>(cols), -1);
  if (weights.empty()) return result;
  check::same_device(kName, "weights", Device::cpu, weights.device);
  check::positive_stride(kName, "weights", weights.stride, cols);
  // Bounds the weights so that 16 times one, and the sum of all matched ones, fit into int64.
  const std::int64_t limit =
      (std::int64_t{1} << 62) / std::max(std::int64_t{16}, std::min(rows, cols));
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      const std::int64_t w = weights(i, j);
      if (w <= limit && w >= -limit) continue;
      check::fail(
          kName, "weights between -" + std::to_string(limit) + " and " + std::to_string(limit),
          std::to_string(w) + " in row " + std::to_string(i) + ", column " + std::to_string(j));
    }
  }
  if (rows <= cols) {
    result.col_of_row = match_rows(weights);
  } else {
    Matrix<std::int64_t> transposed(cols, rows);
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < cols; ++j) transposed(j, i) = weights(i, j);
    }
    const std::vector<std::int32_t> row_of = match_rows(transposed);
    for (std::size_t j = 0; j < row_of.size(); ++j) {
      result.col_of_row[static_cast<std::size_t>(row_of[j])] = static_cast<std::int32_t>(j);
    }
  }
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(rows); ++i) {
    const std::int32_t j = result.col_of_row[static_cast<std::size_t>(i)];
    if (j < 0) continue;
    result.row_of_col[static_cast<std::size_t>(j)] = i;
    result.total += weights(i, j);
  }
  return result;
}

}  // namespace clipk
