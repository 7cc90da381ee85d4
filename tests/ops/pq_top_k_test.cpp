#include "clipk/ops/pq_top_k.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "support/arrays.hpp"
#include "support/device_test.hpp"
#include "support/each_target.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

struct Size {
  std::int64_t n, rows, m, centroids, k;
};

std::int64_t bytes_of(const Size& s) {
  return s.centroids == 16 ? (s.m + 1) / 2 : s.m;
}

std::vector<std::uint8_t> random_codes(std::int64_t count, std::uint64_t seed) {
  Random random(seed, RandomStream::data);
  std::vector<std::uint8_t> codes(static_cast<std::size_t>(count));
  for (std::uint8_t& code : codes) code = static_cast<std::uint8_t>(random.bits());
  return codes;
}

struct Found {
  std::vector<std::int32_t> indices;
  std::vector<float> scores;
};

// The definition: all sums, in the order of s, and a full sort.
Found plain(const Size& s, PqOrder order, const std::vector<float>& tables,
            const std::vector<std::uint8_t>& codes) {
  Found found;
  for (std::int64_t i = 0; i < s.n; ++i) {
    std::vector<float> sums;
    sums.reserve(static_cast<std::size_t>(s.rows));
    for (std::int64_t j = 0; j < s.rows; ++j) {
      float sum = 0;
      for (std::int64_t t = 0; t < s.m; ++t) {
        const auto at = static_cast<std::size_t>(j * bytes_of(s) + (s.centroids == 16 ? t / 2 : t));
        const int code = s.centroids == 256 ? codes[at]
                         : t % 2 == 0       ? codes[at] % 16
                                            : codes[at] / 16;
        sum += tables[static_cast<std::size_t>((i * s.m + t) * s.centroids + code)];
      }
      sums.push_back(sum);
    }
    std::vector<std::int32_t> rows(static_cast<std::size_t>(s.rows));
    std::iota(rows.begin(), rows.end(), 0);
    const auto key = [&](std::int32_t row) {
      const float sum = sums[static_cast<std::size_t>(row)];
      if (std::isnan(sum)) return std::numeric_limits<float>::infinity();
      return order == PqOrder::smallest_first ? sum : -sum;
    };
    std::stable_sort(rows.begin(), rows.end(),
                     [&](std::int32_t a, std::int32_t b) { return key(a) < key(b); });
    for (std::int64_t p = 0; p < s.k; ++p) {
      found.indices.push_back(rows[static_cast<std::size_t>(p)]);
      found.scores.push_back(sums[static_cast<std::size_t>(found.indices.back())]);
    }
  }
  return found;
}

class PqTopK : public DeviceTest {
 protected:
  Found find(const Size& s, PqOrder order, const std::vector<float>& tables,
             const std::vector<std::uint8_t>& codes, std::int64_t padding = 0) {
    Guarded<float> table(context(), s.n * s.m, s.centroids, tables);
    Guarded<std::uint8_t> code(context(), s.rows, bytes_of(s), codes, padding);
    Guarded<std::int32_t> indices(context(), s.n, s.k, padding);
    Guarded<float> scores(context(), s.n, s.k, 2 * padding);
    const BatchView<const float> batch(table.view().data, s.n, s.m, s.centroids,
                                       context().device());
    pq_top_k(context(), batch, code.view(), order, indices.view(), scores.view());
    Guarded<std::int32_t> alone(context(), s.n, s.k);
    pq_top_k(context(), batch, code.view(), order, alone.view(), {});
    EXPECT_EQ(alone.values(), indices.values());
    return {indices.values(), scores.values()};
  }

  // Sums have one order, so they are equal, not near.
  void expect_found(const Size& s, const std::vector<float>& tables,
                    const std::vector<std::uint8_t>& codes, std::int64_t padding = 0) {
    for (const PqOrder order : {PqOrder::smallest_first, PqOrder::largest_first}) {
      SCOPED_TRACE("n " + std::to_string(s.n) + " rows " + std::to_string(s.rows) + " m " +
                   std::to_string(s.m) + " centroids " + std::to_string(s.centroids) + " k " +
                   std::to_string(s.k));
      const Found expected = plain(s, order, tables, codes);
      const Found found = find(s, order, tables, codes, padding);
      EXPECT_EQ(found.indices, expected.indices);
      EXPECT_EQ(found.scores, expected.scores);
    }
  }
};

TEST_P(PqTopK, FindsWhatAFullSortFinds) {
  for (const Size& s :
       {Size{1, 1, 1, 256, 1}, Size{1, 77, 3, 16, 5}, Size{2, 300, 8, 256, 128},
        Size{3, 2100, 5, 16, 10}, Size{4, 9, 2, 256, 9}, Size{5, 613, 16, 256, 3},
        Size{17, 700, 33, 256, 10}, Size{20, 515, 70, 16, 20}, Size{35, 130, 7, 16, 100},
        Size{130, 129, 4, 16, 1}, Size{6, 9000, 4, 256, 10}, Size{2, 13000, 32, 16, 17}}) {
    if (simt() && s.n * s.rows * s.m > 60000) continue;
    const auto tables = normals(s.n * s.m * s.centroids, 1);
    const auto codes = random_codes(s.rows * bytes_of(s), 2);
    expect_found(s, tables, codes);
    expect_found(s, tables, codes, 3);
  }
}

// Segments of the tables, of both numbers of centroids; rows in words of 16 bytes.
TEST_P(PqTopK, LongCodes) {
  for (const Size& s : {Size{5, 70, 48, 256, 4}, Size{5, 60, 50, 256, 4}, Size{2, 40, 289, 16, 4},
                        Size{1, 40, 320, 16, 4}}) {
    expect_found(s, normals(s.n * s.m * s.centroids, 3), random_codes(s.rows * bytes_of(s), 4));
  }
}

TEST_P(PqTopK, TiesGoToTheLowerIndex) {
  // Sums of few small whole numbers: nearly all scores are shared, 0 among them with both signs.
  const Size s{18, simt() ? 300 : 5000, 3, 16, 40};
  std::vector<float> tables = normals(s.n * s.m * s.centroids, 5);
  for (float& value : tables) value = std::round(value);
  expect_found(s, tables, random_codes(s.rows * bytes_of(s), 6));
}

TEST_P(PqTopK, NanComesLast) {
  const Size s{17, 60, 2, 16, 60};
  std::vector<float> tables = normals(s.n * s.m * s.centroids, 7);
  for (std::int64_t i = 0; i < s.n; ++i) {
    tables[static_cast<std::size_t>(i * s.m * s.centroids + i % 16)] = NAN;
  }
  const auto codes = random_codes(s.rows * bytes_of(s), 8);
  for (const PqOrder order : {PqOrder::smallest_first, PqOrder::largest_first}) {
    EXPECT_EQ(find(s, order, tables, codes).indices, plain(s, order, tables, codes).indices);
  }
}

TEST_P(PqTopK, RefusesWhatDoesNotFit) {
  const auto message = [&](std::int64_t n, std::int64_t m, std::int64_t centroids,
                           std::int64_t rows, std::int64_t bytes, std::int64_t out_rows,
                           std::int64_t k) {
    Matrix<float> tables(context(), n * m, centroids), scores(context(), out_rows, k);
    Matrix<std::uint8_t> codes(context(), rows, bytes);
    Matrix<std::int32_t> indices(context(), out_rows, k);
    return error_of([&] {
      pq_top_k(context(), BatchView<const float>(tables.data(), n, m, centroids, tables.device()),
               codes, PqOrder::smallest_first, indices, scores);
    });
  };
  EXPECT_EQ(message(2, 4, 256, 9, 4, 2, 3), "no error");
  EXPECT_EQ(message(2, 5, 16, 9, 3, 2, 3), "no error");
  EXPECT_EQ(message(0, 4, 256, 9, 4, 0, 3), "no error");
  EXPECT_EQ(message(2, 4, 64, 9, 4, 2, 3),
            "pq_top_k: expected tables of 16 or 256 centroids, got 64");
  EXPECT_EQ(message(2, 0, 16, 9, 0, 2, 3),
            "pq_top_k: expected tables of at least 1 sub-vector, got 0");
  EXPECT_EQ(message(2, 4, 256, 9, 5, 2, 3), "pq_top_k: expected codes of shape [9, 4], got [9, 5]");
  EXPECT_EQ(message(2, 4, 16, 9, 4, 2, 3), "pq_top_k: expected codes of shape [9, 2], got [9, 4]");
  EXPECT_EQ(message(2, 4, 256, 9, 4, 3, 3),
            "pq_top_k: expected indices of shape [2, 3], got [3, 3]");
  EXPECT_EQ(message(2, 4, 256, 9, 4, 2, 10),
            "pq_top_k: expected indices of 1 to 9 columns for 9 codes, got 10");
  EXPECT_EQ(message(2, 4, 256, 200, 4, 2, 129),
            "pq_top_k: expected indices of 1 to 128 columns for 200 codes, got 129");
  EXPECT_EQ(message(2, 4, 256, 0, 4, 2, 1),
            "pq_top_k: expected indices of 1 to 0 columns for 0 codes, got 1");
}

TEST(PqTopKTargets, TheSameBytesForAnyWidthAndThreads) {
  const Size s{21, 9001, 19, 256, 20};
  const auto tables = normals(s.n * s.m * s.centroids, 9);
  const auto codes = random_codes(s.rows * bytes_of(s), 10);
  const auto found_with = [&](int threads) {
    Context context = Context::cpu({.threads = threads});
    Matrix<std::int32_t> indices(s.n, s.k);
    Matrix<float> scores(s.n, s.k);
    pq_top_k(context, BatchView<const float>(tables.data(), s.n, s.m, s.centroids),
             MatrixView<const std::uint8_t>(codes.data(), s.rows, s.m), PqOrder::largest_first,
             indices, scores);
    return Bytes::of(indices, scores);
  };
  expect_same_on_every_target([&] { return found_with(2); });
  EXPECT_TRUE(found_with(1) == found_with(3));
}

CLIPK_INSTANTIATE_DEVICE_TEST(PqTopK);

}  // namespace
}  // namespace clipk::test
