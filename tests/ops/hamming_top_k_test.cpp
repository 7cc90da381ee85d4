#include "clipk/ops/hamming_top_k.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "clipk/ops/nearest.hpp"
#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes random_bytes(std::int64_t count, std::uint64_t seed) {
  Random random(seed, RandomStream::data);
  Bytes bytes(static_cast<std::size_t>(count));
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.bits());
  return bytes;
}

std::int32_t hamming(const Bytes& x, std::int64_t i, const Bytes& y, std::int64_t j,
                     std::int64_t width) {
  int bits = 0;
  for (std::int64_t b = 0; b < width; ++b) {
    bits += std::popcount(static_cast<unsigned>(x[static_cast<std::size_t>(i * width + b)] ^
                                                y[static_cast<std::size_t>(j * width + b)]));
  }
  return bits;
}

struct Found {
  std::vector<std::int32_t> indices, distances;
};

class HammingTopK : public DeviceTest {
 protected:
  Found find(std::int64_t n, std::int64_t m, std::int64_t width, std::int64_t k, const Bytes& x,
             const Bytes& y, std::int64_t padding = 0) {
    Guarded<std::uint8_t> xs(context(), n, width, x, padding), ys(context(), m, width, y, padding);
    Guarded<std::int32_t> indices(context(), n, k, padding), distances(context(), n, k, padding);
    hamming_top_k(context(), xs.view(), ys.view(), indices.view(), distances.view());
    return {indices.values(), distances.values()};
  }

  // Exactly what a stable sort of all distances finds.
  void expect_sorted(std::int64_t n, std::int64_t m, std::int64_t width, std::int64_t k,
                     const Bytes& x, const Bytes& y, std::int64_t padding = 0) {
    SCOPED_TRACE("n " + std::to_string(n) + " m " + std::to_string(m) + " bytes " +
                 std::to_string(width) + " k " + std::to_string(k));
    const Found found = find(n, m, width, k, x, y, padding);
    for (std::int64_t i = 0; i < n; ++i) {
      std::vector<std::int32_t> all(static_cast<std::size_t>(m)), order(all.size());
      for (std::int64_t j = 0; j < m; ++j) {
        all[static_cast<std::size_t>(j)] = hamming(x, i, y, j, width);
      }
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        return all[static_cast<std::size_t>(a)] < all[static_cast<std::size_t>(b)];
      });
      for (std::int64_t p = 0; p < k; ++p) {
        const auto at = static_cast<std::size_t>(i * k + p);
        const std::int32_t expected = order[static_cast<std::size_t>(p)];
        ASSERT_EQ(found.indices[at], expected) << i << " " << p;
        ASSERT_EQ(found.distances[at], all[static_cast<std::size_t>(expected)]) << i << " " << p;
      }
    }
  }
};

// Few and many queries, a group of codes and more, widths of bytes, words and vectors, sums of 8
// and of 16 bits.
TEST_P(HammingTopK, FindsWhatAFullSortFinds) {
  struct Size {
    std::int64_t n, m, width, k;
  };
  for (const Size& s :
       {Size{1, 1, 1, 1}, Size{3, 300, 8, 10}, Size{4, 300, 16, 10}, Size{2, 300, 32, 10},
        Size{8, 300, 64, 10}, Size{9, 300, 64, 10}, Size{12, 17, 3, 17}, Size{130, 700, 7, 3},
        Size{9, 300, 31, 5}, Size{9, 301, 32, 5}, Size{10, 260, 64, 128}, Size{33, 129, 16, 1},
        Size{2, 9000, 13, 20}, Size{40, 9000, 4, 10}, Size{10, 33, 300, 4}, Size{9, 33, 320, 3},
        Size{1, 1300, 320, 3}}) {
    if (simt() && s.n * s.m * s.width > 500000) continue;
    const Bytes x = random_bytes(s.n * s.width, 1), y = random_bytes(s.m * s.width, 2);
    expect_sorted(s.n, s.m, s.width, s.k, x, y);
    expect_sorted(s.n, s.m, s.width, s.k, x, y, 3);
    expect_sorted(s.n, s.m, s.width, s.k, x, y, 4);
  }
}

// All bits differ: the largest sums, of the widest codes too. Then the codes are nearer and nearer.
TEST_P(HammingTopK, LargestDistances) {
  for (const std::int64_t width : {std::int64_t{31}, std::int64_t{32}, kMaxHammingBytes}) {
    if (simt() && width > 100) continue;
    for (const std::int64_t n : {1, 9}) {
      const Bytes x(static_cast<std::size_t>(n * width), 0xFF);
      expect_sorted(n, 6, width, 6, x, Bytes(static_cast<std::size_t>(6 * width), 0));
      Bytes y(static_cast<std::size_t>(200 * width));
      for (std::int64_t j = 0; j < 200; ++j) {
        for (std::int64_t b = 0; b < std::min(width, j); ++b) {
          y[static_cast<std::size_t>(j * width + b)] = 0x81;
        }
      }
      expect_sorted(n, 200, width, 2, x, y);
    }
  }
}

// A code nearer by one bit is taken, wherever it lies among codes that are not.
TEST_P(HammingTopK, ABitNearerIsNearer) {
  const std::int64_t m = 1200;
  Bytes y(static_cast<std::size_t>(m));
  for (std::int64_t j = 0; j < m; ++j) {
    y[static_cast<std::size_t>(j)] = static_cast<std::uint8_t>((1 << j / 300) - 1);
  }
  for (const std::int64_t n : {1, 9}) {
    expect_sorted(n, m, 1, 1, Bytes(static_cast<std::size_t>(n), 0xFF), y);
    expect_sorted(n, m, 1, 20, Bytes(static_cast<std::size_t>(n), 0xFF), y);
  }
}

TEST_P(HammingTopK, TiesGoToTheLowerIndex) {
  for (const std::int64_t n : {2, 12}) {
    const std::int64_t m = 900, width = 2;
    const Found found = find(n, m, width, 100, Bytes(static_cast<std::size_t>(n * width), 3),
                             Bytes(static_cast<std::size_t>(m * width), 1));
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t p = 0; p < 100; ++p) {
        ASSERT_EQ(found.indices[static_cast<std::size_t>(i * 100 + p)], p);
        ASSERT_EQ(found.distances[static_cast<std::size_t>(i * 100 + p)], 2);
      }
    }
  }
}

TEST_P(HammingTopK, DistancesMayBeUnwanted) {
  const std::int64_t n = 5, m = 40, width = 3;
  const Bytes x = random_bytes(n * width, 3), y = random_bytes(m * width, 4);
  Guarded<std::uint8_t> xs(context(), n, width, x), ys(context(), m, width, y);
  Guarded<std::int32_t> indices(context(), n, 4);
  hamming_top_k(context(), xs.view(), ys.view(), indices.view(), {});
  EXPECT_EQ(indices.values(), find(n, m, width, 4, x, y).indices);
}

TEST_P(HammingTopK, NoQueriesAreFine) {
  Matrix<std::uint8_t> none(context(), 0, 3), database(context(), 5, 3);
  Matrix<std::int32_t> indices(context(), 0, 2);
  hamming_top_k(context(), none, database, indices, {});
  context().synchronize();
}

TEST_P(HammingTopK, BadInputIsNamed) {
  Matrix<std::uint8_t> x(context(), 4, 3), y(context(), 5, 3), narrow(context(), 5, 2);
  Matrix<std::uint8_t> wide_x(context(), 1, 4096), wide_y(context(), 2, 4096);
  Matrix<std::uint8_t> no_x(context(), 4, 0), no_y(context(), 5, 0);
  Matrix<std::int32_t> two(context(), 4, 2), six(context(), 4, 6), rows(context(), 3, 2);
  Matrix<std::int32_t> none(context(), 4, 0), one(context(), 1, 1);
  EXPECT_EQ(error_of([&] { hamming_top_k(context(), x, narrow, two, {}); }),
            "hamming_top_k: expected database of shape [5, 3], got [5, 2]");
  EXPECT_EQ(error_of([&] { hamming_top_k(context(), x, y, six, {}); }),
            "hamming_top_k: expected indices of 1 to 5 columns for a database of 5 rows, got 6");
  EXPECT_EQ(error_of([&] { hamming_top_k(context(), x, y, none, {}); }),
            "hamming_top_k: expected indices of 1 to 5 columns for a database of 5 rows, got 0");
  EXPECT_EQ(error_of([&] { hamming_top_k(context(), x, y, rows, {}); }),
            "hamming_top_k: expected indices of shape [4, 2], got [3, 2]");
  EXPECT_EQ(error_of([&] { hamming_top_k(context(), x, y, two, six); }),
            "hamming_top_k: expected distances of shape [4, 2], got [4, 6]");
  EXPECT_EQ(error_of([&] { hamming_top_k(context(), wide_x, wide_y, one, {}); }),
            "hamming_top_k: expected codes of 1 to 4095 bytes, got 4096");
  EXPECT_EQ(error_of([&] { hamming_top_k(context(), no_x, no_y, two, {}); }),
            "hamming_top_k: expected codes of 1 to 4095 bytes, got 0");
}

// What follows is of the CPU alone.

TEST(HammingTopKCpu, TheNumberOfThreadsChangesNothing) {
  const std::int64_t n = 40, m = 20000, width = 8, k = 20;
  const Bytes x = random_bytes(n * width, 5), y = random_bytes(m * width, 6);
  std::vector<std::vector<std::int32_t>> indices, distances;
  for (const int threads : {1, 2, 5}) {
    Context context = Context::cpu({.threads = threads});
    Matrix<std::int32_t> j(n, k), e(n, k);
    hamming_top_k(context, MatrixView<const std::uint8_t>(x.data(), n, width),
                  MatrixView<const std::uint8_t>(y.data(), m, width), j, e);
    indices.emplace_back(j.flat().begin(), j.flat().end());
    distances.emplace_back(e.flat().begin(), e.flat().end());
  }
  EXPECT_EQ(indices[0], indices[1]);
  EXPECT_EQ(indices[0], indices[2]);
  EXPECT_EQ(distances[0], distances[1]);
  EXPECT_EQ(distances[0], distances[2]);
}

CLIPK_INSTANTIATE_DEVICE_TEST(HammingTopK);

}  // namespace
}  // namespace clipk::test
