#include "clipk/ops/cosine_top_k.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "support/device_test.hpp"
#include "support/error_of.hpp"
#include "support/random_rows.hpp"

namespace clipk::test {
namespace {

class CosineTopKTest : public DeviceTest {};

// The results of the operation, on the host.
struct TopK {
  Matrix<std::int32_t> of_x, of_y;
  Matrix<float> cosines_of_x, cosines_of_y;
};

// @param padding columns beyond those of every output
TopK top_k(Context& context, MatrixView<const float> x, MatrixView<const float> y, std::int64_t k,
           std::int64_t k_of_y, std::int64_t padding = 0) {
  Guarded<std::int32_t> of_x(context, x.rows, k, padding), of_y(context, y.rows, k_of_y, padding);
  Guarded<float> cosines_of_x(context, x.rows, k, padding);
  Guarded<float> cosines_of_y(context, y.rows, k_of_y, padding);
  cosine_top_k(context, x, y, of_x.view(), cosines_of_x.view(), of_y.view(), cosines_of_y.view());
  const auto host = [&](auto& guarded) {
    return Matrix<std::remove_reference_t<decltype(*guarded.view().data)>>::copy_of(context,
                                                                                    guarded.view())
        .to_host(context);
  };
  return {host(of_x), host(of_y), host(cosines_of_x), host(cosines_of_y)};
}

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

void expect_plain(Context& context, const Matrix<float>& x, const Matrix<float>& y,
                  std::int64_t k) {
  const std::int64_t k_of_y = std::min(k, x.rows());
  const TopK top = top_k(context, x.to_device(context), y.to_device(context), k, k_of_y, k % 3);
  for (std::int64_t i = 0; i < x.rows(); i += 1 + x.rows() / 40) {
    expect_top(plain_order(x, i, y), top.of_x, top.cosines_of_x, x, i, y);
  }
  for (std::int64_t j = 0; j < y.rows(); j += 1 + y.rows() / 40) {
    expect_top(plain_order(y, j, x), top.of_y, top.cosines_of_y, y, j, x);
  }
}

TEST_P(CosineTopKTest, IsThatOfAPlainLoop) {
  Context& context = this->context();
  if (simt()) return expect_plain(context, random_rows(40, 8, 1), random_rows(20, 8, 2), 3);
  // Beyond a tile of 256 rows and 512 columns; lists that are sorted and lists that are not.
  expect_plain(context, random_rows(1, 3, 1), random_rows(1, 3, 2), 1);
  expect_plain(context, random_rows(3, 9, 1), random_rows(40, 9, 2), 17);
  expect_plain(context, random_rows(700, 20, 1), random_rows(600, 20, 2), 1);
  expect_plain(context, random_rows(700, 20, 1), random_rows(600, 20, 2), 10);
  expect_plain(context, random_rows(300, 20, 1), random_rows(1200, 20, 2), 128);
}

TEST_P(CosineTopKTest, TiesGoToTheLowerIndex) {
  Context& context = this->context();
  const std::int64_t n = simt() ? 30 : 700;
  Matrix<float> x(n, 4), y(n, 4);
  for (std::int64_t i = 0; i < n; ++i) {
    x(i, i % 2) = static_cast<float>(1 << i % 5);  // lengths do not count
    y(i, i % 2) = 2;
  }
  const TopK top = top_k(context, x.to_device(context), y.to_device(context), 3, 3);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int32_t p = 0; p < 3; ++p) {
      EXPECT_EQ(top.of_x(i, p), i % 2 + 2 * p);
      EXPECT_EQ(top.of_y(i, p), i % 2 + 2 * p);
      EXPECT_EQ(top.cosines_of_x(i, p), 1);
    }
  }
}

TEST(CosineTopK, ThreadsChangeNothing) {
  const Matrix<float> x = random_rows(70'000, 5, 1), y = random_rows(600, 5, 2);
  Context one = Context::cpu({.threads = 1}), two = Context::cpu({.threads = 2});
  const TopK a = top_k(one, x, y, 10, 7), b = top_k(two, x, y, 10, 7);
  const auto same = [](const auto& u, const auto& v) {
    return std::memcmp(u.data(), v.data(),
                       static_cast<std::size_t>(u.rows() * u.cols()) * sizeof(*u.data())) == 0;
  };
  EXPECT_TRUE(same(a.of_x, b.of_x));
  EXPECT_TRUE(same(a.cosines_of_x, b.cosines_of_x));
  EXPECT_TRUE(same(a.of_y, b.of_y));
  EXPECT_TRUE(same(a.cosines_of_y, b.cosines_of_y));
  for (std::int64_t j = 0; j < 600; j += 150) {
    expect_top(plain_order(y, j, x), a.of_y, a.cosines_of_y, y, j, x);
  }
}

TEST(CosineTopK, TakesViewsWithAStride) {
  Context context = Context::cpu();
  const Matrix<float> wide = random_rows(300, 30, 1), y = random_rows(40, 7, 2);
  const MatrixView<const float> view{wide.data() + 5, 300, 7, 30, Device::cpu};
  const Matrix<float> packed = Matrix<float>::copy_of(context, view);
  const TopK a = top_k(context, view, y, 5, 5), b = top_k(context, packed, y, 5, 5);
  EXPECT_TRUE(std::equal(a.of_x.data(), a.of_x.data() + 1500, b.of_x.data()));
}

TEST(CosineTopK, TakesRowsOfAnyLength) {
  Context context = Context::cpu();
  const Matrix<float> x = random_rows(600, 7, 1), y = random_rows(20, 7, 2);
  Matrix<float> scaled_x = x.to_host(context), scaled_y = y.to_host(context);
  for (std::int64_t j = 0; j < 7; ++j) {
    scaled_x(3, j) *= 1e-38F;
    scaled_x(500, j) *= 3e37F;
    scaled_y(5, j) *= 1e30F;
  }
  const TopK a = top_k(context, x, y, 20, 20), b = top_k(context, scaled_x, scaled_y, 20, 20);
  EXPECT_TRUE(std::equal(a.of_x.data(), a.of_x.data() + 600 * 20, b.of_x.data()));
  EXPECT_TRUE(std::equal(a.of_y.data(), a.of_y.data() + 20 * 20, b.of_y.data()));
}

TEST(CosineTopK, RefusesWhatHasNoCosine) {
  Context context = Context::cpu();
  const Matrix<float> rows = random_rows(6, 3, 1), wide = random_rows(6, 4, 1);
  const auto message = [&](MatrixView<const float> x, MatrixView<const float> y, std::int64_t k,
                           std::int64_t k_of_y) {
    return error_of([&] { top_k(context, x, y, k, k_of_y); });
  };
  EXPECT_HAS(message(rows, wide, 1, 1), "cosine_top_k: expected y of shape [6, 3], got [6, 4]");
  EXPECT_HAS(message(rows, rows, 7, 1),
             "cosine_top_k: expected indices_of_x of 1 to 6 columns for 6 rows of y, got 7");
  EXPECT_HAS(message(rows, rows, 1, 7), "indices_of_y of 1 to 6 columns for 6 rows of x, got 7");
  EXPECT_HAS(message(rows, rows, 0, 1), "indices_of_x of 1 to 6 columns for 6 rows of y, got 0");
  EXPECT_HAS(message(Matrix<float>(0, 3), rows, 1, 1), "x and y of at least 1 row and 1 column");
  Matrix<float> zero = random_rows(6, 3, 1);
  for (std::int64_t j = 0; j < 3; ++j) zero(4, j) = 0;
  EXPECT_HAS(message(zero, rows, 1, 1),
             "cosine_top_k: x: expected rows of length above 0, got a zero vector in row 4");
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), INFINITY}) {
    zero(4, 1) = bad;
    EXPECT_HAS(message(zero, rows, 6, 6), "in row 4, column 1");
    EXPECT_HAS(message(rows, zero, 6, 6), "cosine_top_k: y: expected finite values");
  }
}

CLIPK_INSTANTIATE_DEVICE_TEST(CosineTopKTest);

}  // namespace
}  // namespace clipk::test
