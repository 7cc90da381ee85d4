#include "clipk/metrics/cosine_table.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <tuple>
#include <vector>

#include "support/device_test.hpp"
#include "support/error_of.hpp"
#include "support/random_rows.hpp"

namespace clipk::test {
namespace {

class CosineTableTest : public DeviceTest {};

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

TEST(CosineTable, ThreadsChangeNothing) {
  const Matrix<float> images = random_rows(3000, 5, 1), texts = random_rows(600, 5, 2);
  std::vector<float> tables[2];
  for (const int t : {0, 1}) {
    Context context = Context::cpu({.threads = t + 1});
    cosine_table(context, images, texts, {}, [&](std::int64_t, MatrixView<const float> block) {
      for (std::int64_t i = 0; i < block.rows; ++i) {
        tables[t].insert(tables[t].end(), block.row(i), block.row(i) + block.cols);
      }
    });
  }
  EXPECT_EQ(std::memcmp(tables[0].data(), tables[1].data(), tables[0].size() * sizeof(float)), 0);
}

TEST(CosineTable, TakesViewsWithAStride) {
  Context context = Context::cpu();
  const Matrix<float> wide = random_rows(300, 30, 1), texts = random_rows(40, 7, 2);
  const MatrixView<const float> view{wide.data() + 5, 300, 7, 30, Device::cpu};
  Matrix<float> packed(300, 7);
  for (std::int64_t i = 0; i < 300; ++i) {
    for (std::int64_t j = 0; j < 7; ++j) packed(i, j) = view(i, j);
  }
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
  Matrix<float> zero = random_rows(6, 3, 1);
  for (std::int64_t j = 0; j < 3; ++j) zero(4, j) = 0;
  EXPECT_HAS(error_of([&] { cosine_table(context, zero, rows, {}, nothing); }),
             "a zero vector in row 4");
  EXPECT_HAS(error_of([&] { cosine_table(context, rows, zero, {}, nothing); }),
             "a zero vector in row 4");
  // Counted over all the rows, not those of a block.
  EXPECT_HAS(error_of([&] { cosine_table(context, zero, rows, {.block_rows = 3}, nothing); }),
             "a zero vector in row 4");
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), INFINITY}) {
    zero(4, 1) = bad;
    EXPECT_HAS(error_of([&] { cosine_table(context, zero, rows, {.block_rows = 3}, nothing); }),
               "cosine_table: images: expected finite values");
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
}

CLIPK_INSTANTIATE_DEVICE_TEST(CosineTableTest);

}  // namespace
}  // namespace clipk::test
