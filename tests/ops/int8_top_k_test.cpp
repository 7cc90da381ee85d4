#include "clipk/ops/int8_top_k.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "clipk/ops/nearest.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

using Bytes = std::vector<std::int8_t>;

Bytes random_bytes(std::int64_t count, std::uint64_t seed) {
  Random random(seed, RandomStream::data);
  Bytes bytes(static_cast<std::size_t>(count));
  for (std::int8_t& byte : bytes) byte = static_cast<std::int8_t>(random.bits() & 0xFFU);
  return bytes;
}

float score(const Bytes& x, std::int64_t i, const Bytes& y, std::int64_t j, std::int64_t d,
            const std::vector<float>& scale) {
  std::int64_t sum = 0;
  for (std::int64_t c = 0; c < d; ++c) {
    sum += x[static_cast<std::size_t>(i * d + c)] * y[static_cast<std::size_t>(j * d + c)];
  }
  const auto product = static_cast<float>(sum);
  const float value = scale.empty() ? product : product * scale[static_cast<std::size_t>(j)];
  return std::isnan(value) ? -std::numeric_limits<float>::infinity() : value;
}

struct Found {
  std::vector<std::int32_t> indices;
  std::vector<float> scores;
};

class Int8TopK : public DeviceTest {
 protected:
  Found find(std::int64_t n, std::int64_t m, std::int64_t d, std::int64_t k, const Bytes& x,
             const Bytes& y, const std::vector<float>& scale, std::int64_t padding = 0) {
    Guarded<std::int8_t> xs(context(), n, d, x, padding), ys(context(), m, d, y, padding);
    Guarded<std::int32_t> indices(context(), n, k, padding);
    Guarded<float> scores(context(), n, k, padding);
    if (scale.empty()) {
      int8_top_k(context(), xs.view(), ys.view(), {}, indices.view(), scores.view());
    } else {
      Guarded<float> scales(context(), 1, m, scale);
      int8_top_k(context(), xs.view(), ys.view(), scales.flat(), indices.view(), scores.view());
    }
    return {indices.values(), scores.values()};
  }

  // Exactly what a stable sort of all scores finds.
  void expect_sorted(std::int64_t n, std::int64_t m, std::int64_t d, std::int64_t k, const Bytes& x,
                     const Bytes& y, const std::vector<float>& scale, std::int64_t padding = 0) {
    SCOPED_TRACE("n " + std::to_string(n) + " m " + std::to_string(m) + " d " + std::to_string(d) +
                 " k " + std::to_string(k) + (scale.empty() ? "" : " scaled"));
    const Found found = find(n, m, d, k, x, y, scale, padding);
    for (std::int64_t i = 0; i < n; ++i) {
      std::vector<float> all(static_cast<std::size_t>(m));
      std::vector<std::int32_t> order(all.size());
      for (std::int64_t j = 0; j < m; ++j) {
        all[static_cast<std::size_t>(j)] = score(x, i, y, j, d, scale);
      }
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        return all[static_cast<std::size_t>(a)] > all[static_cast<std::size_t>(b)];
      });
      for (std::int64_t p = 0; p < k; ++p) {
        const auto at = static_cast<std::size_t>(i * k + p);
        const std::int32_t expected = order[static_cast<std::size_t>(p)];
        ASSERT_EQ(found.indices[at], expected) << i << " " << p;
        ASSERT_EQ(found.scores[at], all[static_cast<std::size_t>(expected)]) << i << " " << p;
      }
    }
  }
};

std::vector<float> positive(std::int64_t count, std::uint64_t seed) {
  std::vector<float> values = normals(count, seed);
  for (float& value : values) value = 0.01F + std::fabs(value);
  return values;
}

TEST_P(Int8TopK, FindsWhatAFullSortFinds) {
  struct Size {
    std::int64_t n, m, d, k;
  };
  for (const Size& s :
       {Size{1, 1, 1, 1}, Size{3, 300, 8, 10}, Size{4, 300, 8, 10}, Size{5, 17, 3, 17},
        Size{130, 700, 7, 3}, Size{9, 300, 33, 5}, Size{6, 260, 64, 128}, Size{33, 129, 16, 1},
        Size{2, 9000, 37, 20}, Size{40, 9000, 5, 10}, Size{5, 37, 515, 4}, Size{5, 37, 512, 3},
        Size{1, 1300, 320, 3}}) {
    if (simt() && s.n * s.m * s.d > 500000) continue;
    const Bytes x = random_bytes(s.n * s.d, 1), y = random_bytes(s.m * s.d, 2);
    expect_sorted(s.n, s.m, s.d, s.k, x, y, {});
    expect_sorted(s.n, s.m, s.d, s.k, x, y, positive(s.m, 3), 3);
    expect_sorted(s.n, s.m, s.d, s.k, x, y, normals(s.m, 4), 4);
  }
}

// The ends of the range: -128 times -128 in every column, 127 against it, and sums that float32
// rounds.
TEST_P(Int8TopK, LargestProducts) {
  for (const std::int64_t d : {std::int64_t{4}, std::int64_t{1029}, kMaxInt8Dim}) {
    if (simt() && d > 100) continue;
    for (const std::int64_t n : {1, 5}) {
      Bytes x(static_cast<std::size_t>(n * d), -128), y(static_cast<std::size_t>(4 * d), -128);
      std::fill_n(y.begin() + 2 * d, d, std::int8_t{127});
      y[0] = 127;
      expect_sorted(n, 4, d, 4, x, y, {});
      std::fill(x.begin(), x.end(), std::int8_t{127});
      expect_sorted(n, 4, d, 4, x, y, {});
    }
  }
}

// A score larger by one is taken, wherever it lies among rows that are not.
TEST_P(Int8TopK, ALargerScoreByOneIsLarger) {
  const std::int64_t m = 1200;
  Bytes y(static_cast<std::size_t>(m));
  for (std::int64_t j = 0; j < m; ++j) {
    y[static_cast<std::size_t>(j)] = static_cast<std::int8_t>(j / 300);
  }
  for (const std::int64_t n : {1, 9}) {
    expect_sorted(n, m, 1, 1, Bytes(static_cast<std::size_t>(n), 1), y, {});
    expect_sorted(n, m, 1, 20, Bytes(static_cast<std::size_t>(n), 1), y, {});
  }
}

TEST_P(Int8TopK, TiesGoToTheLowerIndex) {
  // A product of 0 under scales of either sign is one score: -0 is 0.
  for (const std::int64_t n : {2, 6}) {
    const std::int64_t m = 900, d = 2;
    std::vector<float> scale(static_cast<std::size_t>(m), 1);
    for (std::size_t j = 0; j < scale.size(); j += 2) scale[j] = -1;
    const Found found = find(n, m, d, 100, Bytes(static_cast<std::size_t>(n * d), 3),
                             Bytes(static_cast<std::size_t>(m * d), 0), scale);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t p = 0; p < 100; ++p) {
        const auto at = static_cast<std::size_t>(i * 100 + p);
        ASSERT_EQ(found.indices[at], p);
        ASSERT_EQ(found.scores[at], 0);
        ASSERT_FALSE(std::signbit(found.scores[at]));
      }
    }
  }
}

TEST_P(Int8TopK, NotANumberCountsAsMinusInfinity) {
  for (const std::int64_t n : {2, 6}) {
    const std::int64_t m = 300, d = 5;
    std::vector<float> scale = positive(m, 5);
    for (std::size_t j = 0; j < scale.size(); j += 3) scale[j] = NAN;
    for (std::size_t j = 1; j < scale.size(); j += 3) scale[j] = -INFINITY;
    const Bytes x = random_bytes(n * d, 6), y = random_bytes(m * d, 7);
    expect_sorted(n, m, d, 128, x, y, scale);
    expect_sorted(n, m, d, 10, x, y, std::vector<float>(static_cast<std::size_t>(m), NAN));
  }
}

TEST_P(Int8TopK, ScoresMayBeUnwanted) {
  const std::int64_t n = 5, m = 40, d = 3;
  const Bytes x = random_bytes(n * d, 3), y = random_bytes(m * d, 4);
  Guarded<std::int8_t> xs(context(), n, d, x), ys(context(), m, d, y);
  Guarded<std::int32_t> indices(context(), n, 4);
  int8_top_k(context(), xs.view(), ys.view(), {}, indices.view(), {});
  EXPECT_EQ(indices.values(), find(n, m, d, 4, x, y, {}).indices);
}

TEST_P(Int8TopK, NoQueriesAreFine) {
  Matrix<std::int8_t> none(context(), 0, 3), database(context(), 5, 3);
  Matrix<std::int32_t> indices(context(), 0, 2);
  int8_top_k(context(), none, database, {}, indices, {});
  context().synchronize();
}

TEST_P(Int8TopK, BadInputIsNamed) {
  Matrix<std::int8_t> x(context(), 4, 3), y(context(), 5, 3), narrow(context(), 5, 2);
  Matrix<std::int8_t> wide_x(context(), 1, kMaxInt8Dim + 1), wide_y(context(), 2, kMaxInt8Dim + 1);
  Matrix<std::int8_t> no_x(context(), 4, 0), no_y(context(), 5, 0);
  Matrix<std::int32_t> two(context(), 4, 2), six(context(), 4, 6), one(context(), 1, 1);
  Matrix<float> scale(context(), 1, 4), scores(context(), 4, 6);
  EXPECT_EQ(error_of([&] { int8_top_k(context(), x, narrow, {}, two, {}); }),
            "int8_top_k: expected database of shape [5, 3], got [5, 2]");
  EXPECT_EQ(error_of([&] { int8_top_k(context(), x, y, scale.flat(), two, {}); }),
            "int8_top_k: expected scale of size 5, got 4");
  EXPECT_EQ(error_of([&] { int8_top_k(context(), x, y, {}, six, {}); }),
            "int8_top_k: expected indices of 1 to 5 columns for a database of 5 rows, got 6");
  EXPECT_EQ(error_of([&] { int8_top_k(context(), x, y, {}, two, scores); }),
            "int8_top_k: expected scores of shape [4, 2], got [4, 6]");
  EXPECT_EQ(error_of([&] { int8_top_k(context(), wide_x, wide_y, {}, one, {}); }),
            "int8_top_k: expected rows of 1 to 131071 columns, got 131072");
  EXPECT_EQ(error_of([&] { int8_top_k(context(), no_x, no_y, {}, two, {}); }),
            "int8_top_k: expected rows of 1 to 131071 columns, got 0");
}

// What follows is of the CPU alone.

TEST(Int8TopKCpu, TheNumberOfThreadsChangesNothing) {
  const std::int64_t n = 40, m = 20000, d = 16, k = 20;
  const Bytes x = random_bytes(n * d, 5), y = random_bytes(m * d, 6);
  const std::vector<float> scale = positive(m, 7);
  std::vector<std::vector<std::int32_t>> indices;
  std::vector<std::vector<float>> scores;
  for (const int threads : {1, 2, 5}) {
    Context context = Context::cpu({.threads = threads});
    Matrix<std::int32_t> j(n, k);
    Matrix<float> e(n, k);
    int8_top_k(context, MatrixView<const std::int8_t>(x.data(), n, d),
               MatrixView<const std::int8_t>(y.data(), m, d),
               VectorView<const float>(scale.data(), m), j, e);
    indices.emplace_back(j.flat().begin(), j.flat().end());
    scores.emplace_back(e.flat().begin(), e.flat().end());
  }
  EXPECT_EQ(indices[0], indices[1]);
  EXPECT_EQ(indices[0], indices[2]);
  EXPECT_EQ(scores[0], scores[1]);
  EXPECT_EQ(scores[0], scores[2]);
}

CLIPK_INSTANTIATE_DEVICE_TEST(Int8TopK);

}  // namespace
}  // namespace clipk::test
