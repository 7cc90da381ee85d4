#include "clipk/metrics/cosine_table.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <tuple>
#include <vector>

#include "clipk/core/error.hpp"
#include "metrics/rows.hpp"
#include "support/device_test.hpp"

namespace clipk::test {
namespace {

class CosineTableTest : public DeviceTest {};

struct Pair {
  double cosine;
  std::int64_t row;
};

// All candidates of one row, the largest cosine first, ties to the lower index.
std::vector<Pair> plain_order(MatrixView<const float> rows, std::int64_t row,
                              MatrixView<const float> others) {
  std::vector<Pair> all;
  for (std::int64_t j = 0; j < others.rows; ++j) {
    all.push_back({plain_cosine(rows, row, others, j), j});
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Pair& a, const Pair& b) { return a.cosine > b.cosine; });
  return all;
}

// The same rows, but for those whose cosines float32 cannot tell apart.
void expect_top(const std::vector<Pair>& expected, MatrixView<const std::int32_t> indices,
                MatrixView<const float> cosines, MatrixView<const float> rows, std::int64_t row,
                MatrixView<const float> others) {
  std::vector<std::int32_t> seen;
  for (std::int64_t p = 0; p < indices.cols; ++p) {
    const double wanted = expected[static_cast<std::size_t>(p)].cosine;
    ASSERT_GE(indices(row, p), 0);
    ASSERT_LT(indices(row, p), others.rows);
    EXPECT_NEAR(cosines(row, p), wanted, 2e-6) << row << " " << p;
    EXPECT_NEAR(plain_cosine(rows, row, others, indices(row, p)), wanted, 2e-6) << row << " " << p;
    seen.push_back(indices(row, p));
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::adjacent_find(seen.begin(), seen.end()), seen.end()) << "the same row twice";
}

void expect_tops(Context& context, const Matrix<float>& images, const Matrix<float>& texts,
                 std::int64_t k) {
  const CosineTops tops =
      cosine_tops(context, images.to_device(context), texts.to_device(context), k);
  ASSERT_EQ(tops.texts.rows(), images.rows());
  ASSERT_EQ(tops.texts.cols(), k);
  ASSERT_EQ(tops.images.rows(), texts.rows());
  ASSERT_EQ(tops.images.cols(), std::min(k, images.rows()));
  for (std::int64_t i = 0; i < images.rows(); i += 1 + images.rows() / 40) {
    expect_top(plain_order(images, i, texts), tops.texts, tops.text_cosines, images, i, texts);
  }
  for (std::int64_t j = 0; j < texts.rows(); j += 1 + texts.rows() / 40) {
    expect_top(plain_order(texts, j, images), tops.images, tops.image_cosines, texts, j, images);
  }
}

TEST_P(CosineTableTest, IsThatOfAPlainLoop) {
  Context& context = this->context();
  for (const auto& [n, m, d] : {std::tuple<int, int, int>{1, 1, 1}, {17, 5, 3}, {113, 17, 33}}) {
    const Matrix<float> images = random_rows(n, d, 1), texts = random_rows(m, d, 2);
    const Matrix<float> x = images.to_device(context), y = texts.to_device(context);
    for (const std::int64_t block : {0, 1, 7, 1000}) {
      std::int64_t next = 0;
      cosine_table(context, x, y, {.block_rows = block},
                   [&](std::int64_t first, MatrixView<const float> cosines) {
                     EXPECT_EQ(first, next);
                     EXPECT_EQ(cosines.cols, texts.rows());
                     if (block > 0) {
                       EXPECT_EQ(cosines.rows, std::min(block, images.rows() - first));
                     }
                     for (std::int64_t i = 0; i < cosines.rows; ++i) {
                       for (std::int64_t j = 0; j < texts.rows(); ++j) {
                         EXPECT_NEAR(cosines(i, j), plain_cosine(images, first + i, texts, j),
                                     2e-6);
                       }
                     }
                     next = first + cosines.rows;
                   });
      EXPECT_EQ(next, n);
    }
  }
}

TEST_P(CosineTableTest, TopsAreThoseOfAPlainLoop) {
  Context& context = this->context();
  if (simt()) return expect_tops(context, random_rows(40, 8, 1), random_rows(20, 8, 2), 3);
  // Beyond a tile of 256 rows and 512 columns; lists that are sorted and lists that are not.
  expect_tops(context, random_rows(1, 3, 1), random_rows(1, 3, 2), 1);
  expect_tops(context, random_rows(3, 9, 1), random_rows(40, 9, 2), 17);
  expect_tops(context, random_rows(700, 20, 1), random_rows(600, 20, 2), 1);
  expect_tops(context, random_rows(700, 20, 1), random_rows(600, 20, 2), 10);
  expect_tops(context, random_rows(300, 20, 1), random_rows(1200, 20, 2), 128);
}

TEST_P(CosineTableTest, TiesGoToTheLowerIndex) {
  Context& context = this->context();
  const std::int64_t n = simt() ? 30 : 700;
  Matrix<float> images(n, 4), texts(n, 4);
  for (std::int64_t i = 0; i < n; ++i) {
    images(i, i % 2) = static_cast<float>(1 << i % 5);  // lengths do not count
    texts(i, i % 2) = 2;
  }
  const CosineTops tops =
      cosine_tops(context, images.to_device(context), texts.to_device(context), 3);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int32_t p = 0; p < 3; ++p) {
      EXPECT_EQ(tops.texts(i, p), i % 2 + 2 * p);
      EXPECT_EQ(tops.images(i, p), i % 2 + 2 * p);
      EXPECT_EQ(tops.text_cosines(i, p), 1);
    }
  }
}

TEST(CosineTable, ThreadsChangeNothing) {
  const Matrix<float> images = random_rows(70'000, 5, 1), texts = random_rows(600, 5, 2);
  Context one = Context::cpu({.threads = 1}), two = Context::cpu({.threads = 2});
  const CosineTops a = cosine_tops(one, images, texts, 10), b = cosine_tops(two, images, texts, 10);
  const auto same = [](const auto& x, const auto& y) {
    return std::memcmp(x.data(), y.data(),
                       static_cast<std::size_t>(x.rows() * x.cols()) * sizeof(*x.data())) == 0;
  };
  EXPECT_TRUE(same(a.texts, b.texts));
  EXPECT_TRUE(same(a.text_cosines, b.text_cosines));
  EXPECT_TRUE(same(a.images, b.images));
  EXPECT_TRUE(same(a.image_cosines, b.image_cosines));
  std::vector<float> tables[2];
  for (const int t : {0, 1}) {
    cosine_table(t == 0 ? one : two, images.view().row_range(0, 3000), texts, {},
                 [&](std::int64_t, MatrixView<const float> block) {
                   for (std::int64_t i = 0; i < block.rows; ++i) {
                     tables[t].insert(tables[t].end(), block.row(i), block.row(i) + block.cols);
                   }
                 });
  }
  EXPECT_EQ(std::memcmp(tables[0].data(), tables[1].data(), tables[0].size() * sizeof(float)), 0);
  for (std::int64_t j = 0; j < 600; j += 150) {
    expect_top(plain_order(texts, j, images), a.images, a.image_cosines, texts, j, images);
  }
}

TEST(CosineTable, TakesViewsWithAStride) {
  Context context = Context::cpu();
  const Matrix<float> wide = random_rows(300, 30, 1), texts = random_rows(40, 7, 2);
  const MatrixView<const float> view{wide.data() + 5, 300, 7, 30, Device::cpu};
  Matrix<float> packed(300, 7);
  for (std::int64_t i = 0; i < 300; ++i) {
    for (std::int64_t j = 0; j < 7; ++j) packed(i, j) = view(i, j);
  }
  const CosineTops a = cosine_tops(context, view, texts, 5);
  const CosineTops b = cosine_tops(context, packed, texts, 5);
  EXPECT_TRUE(std::equal(a.texts.data(), a.texts.data() + 1500, b.texts.data()));
  cosine_table(context, view, texts, {}, [&](std::int64_t, MatrixView<const float> block) {
    EXPECT_NEAR(block(299, 39), plain_cosine(packed, 299, texts, 39), 2e-6);
  });
}

TEST(CosineTable, AVisitsExceptionEndsIt) {
  Context context = Context::cpu();
  const Matrix<float> rows = random_rows(20, 3, 1);
  int visits = 0;
  EXPECT_THROW(cosine_table(context, rows, rows, {.block_rows = 5},
                            [&](std::int64_t, MatrixView<const float>) {
                              ++visits;
                              throw std::runtime_error("enough");
                            }),
               std::runtime_error);
  EXPECT_EQ(visits, 1);
}

TEST(CosineTable, RefusesWhatHasNoCosine) {
  Context context = Context::cpu();
  const auto nothing = [](std::int64_t, MatrixView<const float>) {};
  const Matrix<float> rows = random_rows(6, 3, 1), wide = random_rows(6, 4, 1);
  EXPECT_HAS(error_of([&] { cosine_table(context, rows, wide, {}, nothing); }),
             "cosine_table: expected texts as wide as images, of at least 1 column, got 4");
  EXPECT_HAS(error_of([&] { cosine_table(context, rows, rows, {.block_rows = -1}, nothing); }),
             "cosine_table: expected block_rows of at least 0, got -1");
  EXPECT_HAS(error_of([&] { cosine_tops(context, rows, wide, 1); }), "cosine_tops: expected texts");
  EXPECT_HAS(error_of([&] { cosine_tops(context, rows, rows, 7); }),
             "cosine_tops: expected k from 1 to 6 for 6 texts, got 7");
  EXPECT_HAS(error_of([&] { cosine_tops(context, rows, rows, 0); }),
             "cosine_tops: expected k from 1 to 6");
  EXPECT_HAS(error_of([&] { cosine_tops(context, Matrix<float>(0, 3), rows, 1); }),
             "cosine_tops: expected at least 1 image");
  Matrix<float> zero = random_rows(6, 3, 1);
  for (std::int64_t j = 0; j < 3; ++j) zero(4, j) = 0;
  EXPECT_HAS(error_of([&] { cosine_table(context, zero, rows, {}, nothing); }),
             "a zero vector in row 4");
  EXPECT_HAS(error_of([&] { cosine_table(context, rows, zero, {}, nothing); }),
             "a zero vector in row 4");
  // Counted over all the rows, not those of a block.
  EXPECT_HAS(error_of([&] { cosine_table(context, zero, rows, {.block_rows = 3}, nothing); }),
             "a zero vector in row 4");
  EXPECT_HAS(error_of([&] { cosine_tops(context, zero, rows, 1); }),
             "cosine_tops: images: expected rows of length above 0, got a zero vector in row 4");
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), INFINITY}) {
    zero(4, 1) = bad;
    EXPECT_HAS(error_of([&] { cosine_table(context, zero, rows, {.block_rows = 3}, nothing); }),
               "cosine_table: images: expected finite values");
    EXPECT_HAS(error_of([&] { cosine_tops(context, zero, rows, 6); }), "in row 4, column 1");
    EXPECT_HAS(error_of([&] { cosine_tops(context, rows, zero, 6); }),
               "cosine_tops: texts: expected finite values");
  }
}

TEST(CosineTable, TakesRowsOfAnyLength) {
  Context context = Context::cpu();
  const Matrix<float> rows = random_rows(600, 7, 1), texts = random_rows(20, 7, 2);
  Matrix<float> images = rows.to_host(context), scaled_texts = texts.to_host(context);
  for (std::int64_t j = 0; j < 7; ++j) {
    images(3, j) *= 1e-38F;
    images(500, j) *= 3e37F;
    scaled_texts(5, j) *= 1e30F;
  }
  cosine_table(context, images, scaled_texts, {.block_rows = 400},
               [&](std::int64_t first, MatrixView<const float> block) {
                 for (std::int64_t i = 0; i < block.rows; ++i) {
                   for (std::int64_t j = 0; j < 20; ++j) {
                     ASSERT_NEAR(block(i, j), plain_cosine(rows, first + i, texts, j), 2e-6);
                   }
                 }
               });
  const CosineTops a = cosine_tops(context, rows, texts, 20);
  const CosineTops b = cosine_tops(context, images, scaled_texts, 20);
  EXPECT_TRUE(std::equal(a.texts.data(), a.texts.data() + 600 * 20, b.texts.data()));
  EXPECT_TRUE(std::equal(a.images.data(), a.images.data() + 20 * 20, b.images.data()));
}

CLIPK_INSTANTIATE_DEVICE_TEST(CosineTableTest);

}  // namespace
}  // namespace clipk::test
