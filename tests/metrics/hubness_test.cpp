#include "clipk/metrics/hubness.hpp"

#include <algorithm>
#include <numeric>

#include "support/coco500.hpp"
#include "support/error_of.hpp"
#include "support/random_rows.hpp"

namespace clipk::test {
namespace {

std::vector<std::int32_t> plain_occurrences(MatrixView<const float> queries,
                                            MatrixView<const float> candidates, std::int64_t k) {
  std::vector<std::int32_t> occurrences(static_cast<std::size_t>(candidates.rows));
  std::vector<std::int32_t> order(occurrences.size());
  std::vector<double> cosines(occurrences.size());
  for (std::int64_t i = 0; i < queries.rows; ++i) {
    for (std::int64_t j = 0; j < candidates.rows; ++j) {
      cosines[static_cast<std::size_t>(j)] = plain_cosine(queries, i, candidates, j);
    }
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return cosines[static_cast<std::size_t>(a)] > cosines[static_cast<std::size_t>(b)];
    });
    for (std::int64_t p = 0; p < k; ++p) {
      ++occurrences[static_cast<std::size_t>(order[static_cast<std::size_t>(p)])];
    }
  }
  return occurrences;
}

TEST(Hubness, CountsWhatAFullSortCounts) {
  struct Size {
    std::int64_t n, m, d, k;
  };
  for (const Size& s : {Size{1, 1, 1, 1}, Size{17, 2, 3, 2}, Size{113, 257, 17, 10},
                        Size{257, 130, 5, 120}, Size{40, 1021, 33, 1}}) {
    const Matrix<float> queries = random_rows(s.n, s.d, 1), candidates = random_rows(s.m, s.d, 2);
    Context context = Context::cpu();
    const Hubness result = hubness(context, queries, candidates, s.k);
    EXPECT_EQ(result.occurrences, plain_occurrences(queries, candidates, s.k)) << s.n;
    EXPECT_EQ(result.k, s.k);
  }
}

TEST(Hubness, FiguresFollowFromTheOccurrences) {
  // By hand: queries point at candidates 0, 0, 0, 1; candidates 2 and 3 lie behind.
  Matrix<float> queries(4, 2), candidates(4, 2);
  for (std::int64_t i = 0; i < 4; ++i) queries(i, i == 3) = 1;
  candidates(0, 0) = candidates(1, 1) = 2;
  candidates(2, 0) = candidates(3, 1) = -1;
  Context context = Context::cpu();
  const Hubness result = hubness(context, queries, candidates, 1);
  EXPECT_EQ(result.occurrences, (std::vector<std::int32_t>{3, 1, 0, 0}));
  EXPECT_EQ(result.most, 3);
  EXPECT_DOUBLE_EQ(result.never, .5);
  // scipy.stats.skew([3, 1, 0, 0])
  EXPECT_NEAR(result.skew, 0.8164965809277259, 1e-15);
  const Hubness even = hubness(context, queries, candidates, 4);
  EXPECT_EQ(even.skew, 0);
  EXPECT_EQ(even.never, 0);
}

TEST(Hubness, NearAndEqualCandidatesAreToldApartInDouble) {
  // Candidates in a bundle far narrower than float32 can tell, and copies of them: every query's
  // top k is settled in float64, copies by their index.
  const std::int64_t n = 60, m = 300, d = 16;
  const Matrix<float> queries = random_rows(n, d, 3);
  Matrix<float> candidates(m, d);
  const std::vector<float> center = normals(d, 4), noise = normals(m * d, 5);
  for (std::int64_t j = 0; j < m; ++j) {
    for (std::int64_t k = 0; k < d; ++k) {
      const auto at = static_cast<std::size_t>(j % 100 * d + k);
      const float value = center[static_cast<std::size_t>(k)] + 1e-6F * noise[at];
      candidates(j, k) = value * (j >= 200 ? 4.0F : 1.0F);
    }
  }
  Context context = Context::cpu();
  EXPECT_EQ(hubness(context, queries, candidates, 7).occurrences,
            plain_occurrences(queries, candidates, 7));
}

TEST(Hubness, LengthsOfRowsAndThreadsChangeNothing) {
  const Matrix<float> wide = random_rows(400, 30, 6);
  const Matrix<float> candidates = random_rows(300, 24, 7);
  Context one = Context::cpu({.threads = 1}), three = Context::cpu({.threads = 3});
  Matrix<float> packed = Matrix<float>::copy_of(one, wide.view().col_range(3, 24));
  const Hubness a = hubness(one, wide.view().col_range(3, 24), candidates);
  for (std::int64_t i = 0; i < 400; ++i) {
    for (std::int64_t k = 0; k < 24; ++k) packed(i, k) *= i % 2 == 0 ? 0x1p60F : 0x1p-60F;
  }
  const Hubness b = hubness(three, packed, candidates);
  EXPECT_EQ(a.occurrences, b.occurrences);
  EXPECT_EQ(a.skew, b.skew);
}

TEST(Hubness, MoreQueriesThanABlock) {
  const std::int64_t n = 70000;
  const Matrix<float> queries = random_rows(n, 3, 8), candidates = random_rows(20, 3, 9);
  Context context = Context::cpu();
  EXPECT_EQ(hubness(context, queries, candidates, 2).occurrences,
            plain_occurrences(queries, candidates, 2));
}

TEST(Hubness, BadInputIsNamed) {
  Context context = Context::cpu();
  const Matrix<float> five = random_rows(5, 4, 10), narrow = random_rows(5, 3, 11);
  const auto message = [&](MatrixView<const float> queries, MatrixView<const float> candidates,
                           std::int64_t k) {
    return error_of([&] { hubness(context, queries, candidates, k); });
  };
  EXPECT_EQ(message(five, narrow, 1), "hubness: expected candidates of 4 columns, got 3");
  EXPECT_EQ(message(five.view().row_range(0, 0), five, 1),
            "hubness: expected at least 1 query, got 0");
  EXPECT_EQ(message(five, five, 6),
            "hubness: expected k from 1 to 5 for 5 rows of candidates, got 6");
  EXPECT_EQ(message(five, five, 0),
            "hubness: expected k from 1 to 5 for 5 rows of candidates, got 0");
  EXPECT_EQ(message(five, five.view().row_range(0, 0), 1),
            "hubness: expected k from 1 to 0 for 0 rows of candidates, got 1");
  Matrix<float> bad = random_rows(5, 4, 12);
  bad(2, 3) = INFINITY;
  EXPECT_EQ(message(bad, five, 1),
            "hubness queries: expected finite values, got inf in row 2, column 3");
  for (std::int64_t k = 0; k < 4; ++k) bad(2, k) = 0;
  EXPECT_EQ(message(five, bad, 1),
            "hubness candidates: expected rows of length above 0, got a zero vector in row 2");
}

TEST(Hubness, Coco500) {
  CLIPK_COCO500_OR_SKIP(data, false);
  Context context = Context::cpu();
  const Hubness image_to_text = hubness(context, data.images, data.texts);
  const Hubness text_to_image = hubness(context, data.texts, data.images);
  EXPECT_NEAR(image_to_text.skew, 1.6455286233868114, 1e-12);
  EXPECT_NEAR(text_to_image.skew, 2.356378164917835, 1e-12);
  EXPECT_EQ(image_to_text.most, 54);
  EXPECT_EQ(text_to_image.most, 72);
  EXPECT_DOUBLE_EQ(image_to_text.never, .008);
  EXPECT_DOUBLE_EQ(text_to_image.never, .02);
}

}  // namespace
}  // namespace clipk::test
