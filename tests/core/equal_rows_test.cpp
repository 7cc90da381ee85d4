// Rows that are equal but for rounding, and splits that keep them together.
#include "clipk/core/equal_rows.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "clipk/core/matrix.hpp"
#include "clipk/core/random.hpp"

namespace clipk {
namespace {

using Groups = std::vector<std::int64_t>;

Matrix<float> normal_rows(std::int64_t n, std::int64_t d) {
  Random random(4);
  Matrix<float> rows(n, d);
  for (float& value : rows.flat()) value = static_cast<float>(random.normal());
  return rows;
}

void copy_row(Matrix<float>& rows, std::int64_t from, std::int64_t to, float scale = 1) {
  for (std::int64_t j = 0; j < rows.cols(); ++j) rows(to, j) = scale * rows(from, j);
}

void normalise(Matrix<float>& rows) {
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    double squares = 0;
    for (std::int64_t j = 0; j < rows.cols(); ++j) squares += double{rows(i, j)} * rows(i, j);
    for (std::int64_t j = 0; j < rows.cols(); ++j) {
      rows(i, j) = static_cast<float>(rows(i, j) / std::sqrt(squares));
    }
  }
}

TEST(EqualRowsTest, GroupsAreCountedByTheirFirstRow) {
  Matrix<float> rows = normal_rows(7, 3);
  EXPECT_EQ(equal_row_groups(rows), (Groups{0, 1, 2, 3, 4, 5, 6}));
  copy_row(rows, 1, 3);
  copy_row(rows, 0, 6);
  copy_row(rows, 1, 5);
  EXPECT_EQ(equal_row_groups(rows), (Groups{0, 1, 2, 1, 3, 1, 0}));
  EXPECT_EQ(group_count(equal_row_groups(rows)), 4);
  EXPECT_TRUE(equal_row_groups(Matrix<float>(0, 3)).empty());
  EXPECT_EQ(group_count({}), 0);
}

TEST(EqualRowsTest, ZerosOfBothSignsZeroRowsAndRowsOfNoNumbers) {
  Matrix<float> rows(6, 2);
  rows(1, 0) = -0.0F;
  rows(2, 0) = 1;
  rows(3, 0) = 1;
  rows(3, 1) = -0.0F;
  rows(4, 0) = rows(5, 0) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(equal_row_groups(rows), (Groups{0, 0, 1, 1, 2, 3}));
}

TEST(EqualRowsTest, UnitRowsOfOneDirectionWhateverTheirLengthWas) {
  Matrix<float> rows = normal_rows(200, 64);
  for (std::int64_t i = 100; i < 200; ++i) {
    copy_row(rows, i - 100, i, 3.7F * static_cast<float>(i));
  }
  normalise(rows);
  const Groups groups = equal_row_groups(rows);
  for (std::int64_t i = 0; i < 200; ++i) EXPECT_EQ(groups[static_cast<std::size_t>(i)], i % 100);
}

TEST(EqualRowsTest, NearRowsAreNotEqualAtAnyScale) {
  for (const float scale : {1e-12F, 1.0F, 1e12F}) {
    Matrix<float> rows = normal_rows(30, 8);
    for (std::int64_t i = 1; i < 30; ++i) copy_row(rows, 0, i);
    for (std::int64_t i = 0; i < 30; ++i) rows(i, i % 8) += 1e-4F * static_cast<float>(i);
    for (float& value : rows.flat()) value *= scale;
    EXPECT_EQ(group_count(equal_row_groups(rows)), 30);
  }
}

TEST(EqualRowsTest, SameRowsAreThoseOfTheSameNumbers) {
  // One large column hides no other, and neighbours in float32 differ.
  Matrix<float> rows(6, 2);
  for (std::int64_t i = 0; i < 6; ++i) rows(i, 0) = 1.7e9F;
  rows(1, 1) = -1;
  rows(2, 1) = -0.0F;
  rows(3, 1) = 1e-30F;
  rows(4, 1) = rows(5, 1) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(same_row_groups(rows), (Groups{0, 1, 0, 2, 3, 4}));
  Matrix<float> northings(3, 1);
  northings(0, 0) = northings(2, 0) = 5'000'001;
  northings(1, 0) = 4'999'999.5F;
  EXPECT_EQ(same_row_groups(northings), (Groups{0, 1, 0}));
  EXPECT_TRUE(same_row_groups(Matrix<float>(0, 2)).empty());
}

TEST(EqualRowsTest, PromptsOfManyImagesJoinNoPairs) {
  // Two texts of five images: prompts. Of four images the texts are as many as a half.
  EXPECT_TRUE(texts_are_prompts({0, 1, 2, 3, 4}, {0, 1, 0, 1, 0}));
  EXPECT_EQ(pair_groups({0, 1, 2, 3, 4}, {0, 1, 0, 1, 0}), (Groups{0, 1, 2, 3, 4}));
  EXPECT_EQ(pair_groups({0, 1, 2, 3, 0, 4}, {0, 1, 0, 1, 0, 1}), (Groups{0, 1, 2, 3, 0, 4}));
  EXPECT_FALSE(texts_are_prompts({0, 1, 2, 3}, {0, 0, 1, 1}));
  EXPECT_EQ(pair_groups({0, 1, 2, 3}, {0, 0, 1, 1}), (Groups{0, 0, 1, 1}));
  // Few images of many texts each are no prompts.
  EXPECT_EQ(pair_groups({0, 0, 0, 1, 1}, {0, 1, 2, 3, 4}), (Groups{0, 0, 0, 1, 1}));
}

TEST(EqualRowsTest, GroupsJoinInChains) {
  // Equal images 0 1 and 2 3, equal texts 1 2: one group.
  EXPECT_EQ(joined_groups({0, 0, 1, 1, 2}, {0, 1, 1, 2, 3}), (Groups{0, 0, 0, 0, 1}));
  EXPECT_EQ(joined_groups({0, 1, 2}, {0, 1, 2}), (Groups{0, 1, 2}));
}

TEST(EqualRowsTest, WithoutEqualRowsASplitStaysAsItIs) {
  Groups order{4, 2, 0, 1, 3};
  EXPECT_EQ(set_groups_aside(order, 2, {0, 1, 2, 3, 4}), 2);
  EXPECT_EQ(order, (Groups{4, 2, 0, 1, 3}));
}

TEST(EqualRowsTest, NoGroupLiesOnBothSides) {
  const Groups groups{0, 0, 0, 1, 1, 2, 3, 4, 4, 4};
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Groups order = Random(seed).permutation(10);
    const std::int64_t aside = set_groups_aside(order, 5, groups);
    EXPECT_LE(aside, 5);
    EXPECT_GE(aside, 4);
    for (std::int64_t i = 0; i < aside; ++i) {
      for (std::size_t j = static_cast<std::size_t>(aside); j < order.size(); ++j) {
        EXPECT_NE(groups[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])],
                  groups[static_cast<std::size_t>(order[j])]);
      }
    }
  }
  Groups one{1, 0, 2};
  EXPECT_EQ(set_groups_aside(one, 2, {0, 0, 0}), 0);
  EXPECT_EQ(one, (Groups{1, 0, 2}));
}

}  // namespace
}  // namespace clipk
