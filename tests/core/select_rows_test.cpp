// Rows of a host matrix by their numbers.
#include "clipk/core/select_rows.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "clipk/core/error.hpp"

namespace clipk {
namespace {

Matrix<float> numbered() {
  Matrix<float> rows(4, 3);
  float value = 0;
  for (float& v : rows.flat()) v = value++;
  return rows;
}

template <class Index>
void expect_rows(MatrixView<const float> from, const std::vector<Index>& which) {
  const Matrix<float> got = select_rows(from, which);
  ASSERT_EQ(got.rows(), static_cast<std::int64_t>(which.size()));
  ASSERT_EQ(got.cols(), from.cols);
  for (std::int64_t i = 0; i < got.rows(); ++i) {
    for (std::int64_t j = 0; j < from.cols; ++j) {
      EXPECT_EQ(got(i, j), from(which[static_cast<std::size_t>(i)], j));
    }
  }
}

TEST(SelectRowsTest, AnyOrderAndRepeats) {
  const Matrix<float> rows = numbered();
  expect_rows<std::int64_t>(rows, {2, 0, 2, 3});
  expect_rows<std::int32_t>(rows, {2, 0, 2, 3});
  expect_rows<std::int64_t>(rows.view().col_range(1, 2), {3, 1});
  expect_rows<std::int64_t>(rows, {});
}

TEST(SelectRowsTest, ARowOutOfRangeIsRefused) {
  const Matrix<float> rows = numbered();
  EXPECT_THROW(select_rows(rows, std::vector<std::int64_t>{0, 4}), Error);
  EXPECT_THROW(select_rows(rows, std::vector<std::int32_t>{-1}), Error);
}

}  // namespace
}  // namespace clipk
