#include "clipk/metrics/hungarian.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>

#include "clipk/core/matrix.hpp"
#include "golden/clustering.inc"
#include "metrics/labelings.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

Matrix<std::int64_t> random_weights(std::int64_t rows, std::int64_t cols, std::uint32_t below,
                                    std::uint32_t seed) {
  Matrix<std::int64_t> weights(rows, cols);
  const std::vector<std::int32_t> values = random_labels(rows * cols, below, seed);
  std::copy(values.begin(), values.end(), weights.data());
  return weights;
}

// One to one, complete on the shorter side, the two directions and the total consistent.
void expect_matching(const Assignment& result, MatrixView<const std::int64_t> weights) {
  ASSERT_EQ(result.col_of_row.size(), static_cast<std::size_t>(weights.rows));
  ASSERT_EQ(result.row_of_col.size(), static_cast<std::size_t>(weights.cols));
  std::int64_t pairs = 0, total = 0;
  for (std::int64_t i = 0; i < weights.rows; ++i) {
    const std::int32_t j = result.col_of_row[static_cast<std::size_t>(i)];
    if (j < 0) continue;
    ++pairs;
    total += weights(i, j);
    EXPECT_EQ(result.row_of_col[static_cast<std::size_t>(j)], i);
  }
  EXPECT_EQ(pairs, std::min(weights.rows, weights.cols));
  EXPECT_EQ(weights.cols - std::count(result.row_of_col.begin(), result.row_of_col.end(), -1),
            pairs);
  EXPECT_EQ(total, result.total);
}

TEST(Hungarian, TotalsOfScipy) {
  for (const auto& c : golden::kMatchingCases) {
    SCOPED_TRACE(std::to_string(c.rows) + " x " + std::to_string(c.cols));
    const Matrix<std::int64_t> weights = random_weights(c.rows, c.cols, c.below, c.seed);
    const Assignment result = hungarian(weights);
    expect_matching(result, weights);
    EXPECT_EQ(result.total, c.total);
  }
}

// All matchings of up to 6 x 6, with negative weights.
TEST(Hungarian, NoMatchingIsBetter) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    const std::int64_t rows = 1 + seed % 5, cols = rows + seed / 5 % 2;
    Matrix<std::int64_t> weights = random_weights(rows, cols, 2 + seed % 40, seed);
    for (std::int64_t p = 0; p < rows * cols; ++p) weights.data()[p] -= seed % 25;
    std::vector<std::int32_t> order(static_cast<std::size_t>(cols));
    std::iota(order.begin(), order.end(), 0);
    std::int64_t best = std::numeric_limits<std::int64_t>::min();
    do {
      std::int64_t total = 0;
      for (std::int64_t i = 0; i < rows; ++i)
        total += weights(i, order[static_cast<std::size_t>(i)]);
      best = std::max(best, total);
    } while (std::next_permutation(order.begin(), order.end()));
    const Assignment result = hungarian(weights);
    expect_matching(result, weights);
    EXPECT_EQ(result.total, best) << seed;
    Matrix<std::int64_t> transposed(cols, rows);
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < cols; ++j) transposed(j, i) = weights(i, j);
    }
    EXPECT_EQ(hungarian(transposed).total, best) << seed;
  }
}

TEST(Hungarian, ViewsAndNothing) {
  const Matrix<std::int64_t> wide = random_weights(30, 40, 100, 3);
  const MatrixView<const std::int64_t> view = wide.view().col_range(5, 20);
  Matrix<std::int64_t> packed(30, 20);
  for (std::int64_t i = 0; i < 30; ++i) {
    for (std::int64_t j = 0; j < 20; ++j) packed(i, j) = wide(i, j + 5);
  }
  EXPECT_EQ(hungarian(view).col_of_row, hungarian(packed).col_of_row);
  const Assignment none = hungarian(Matrix<std::int64_t>(0, 3));
  EXPECT_TRUE(none.col_of_row.empty());
  EXPECT_EQ(none.row_of_col, (std::vector<std::int32_t>{-1, -1, -1}));
  EXPECT_EQ(none.total, 0);
}

TEST(Hungarian, WeightsUpToTheLimit) {
  constexpr std::int64_t kLimit = (std::int64_t{1} << 62) / 16;
  Matrix<std::int64_t> weights(3, 3);
  for (std::int64_t p = 0; p < 9; ++p) weights.data()[p] = p % 2 == 0 ? kLimit : -kLimit;
  const Assignment result = hungarian(weights);
  expect_matching(result, weights);
  EXPECT_EQ(result.total, 3 * kLimit);
  weights(1, 2) = kLimit + 1;
  EXPECT_EQ(error_of([&] { hungarian(weights); }),
            "hungarian: expected weights between -288230376151711744 and 288230376151711744, got "
            "288230376151711745 in row 1, column 2");
}

}  // namespace
}  // namespace clipk::test
