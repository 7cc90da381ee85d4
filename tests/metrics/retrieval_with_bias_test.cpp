#include <cmath>
#include <cstdint>

#include "clipk/metrics/retrieval.hpp"
#include "support/error_of.hpp"
#include "support/random_rows.hpp"

namespace clipk::test {
namespace {

// The definition, in double.
std::vector<std::int32_t> plain_ranks(MatrixView<const float> queries,
                                      MatrixView<const float> candidates,
                                      const std::vector<double>& bias,
                                      const std::vector<std::int32_t>& partners) {
  std::vector<std::int32_t> ranks;
  for (std::int64_t i = 0; i < queries.rows; ++i) {
    const auto score = [&](std::int64_t j) {
      return plain_cosine(queries, i, candidates, j) + bias[static_cast<std::size_t>(j)];
    };
    const std::int32_t partner = partners[static_cast<std::size_t>(i)];
    std::int32_t rank = 0;
    for (std::int64_t j = 0; j < candidates.rows; ++j) {
      if (j == partner) continue;
      rank += score(j) > score(partner) || (score(j) == score(partner) && j < partner);
    }
    ranks.push_back(rank);
  }
  return ranks;
}

std::vector<std::int32_t> some_partners(std::int64_t queries, std::int64_t candidates) {
  std::vector<std::int32_t> partners;
  for (std::int64_t i = 0; i < queries; ++i) {
    partners.push_back(static_cast<std::int32_t>(i * 7 % candidates));
  }
  return partners;
}

TEST(RetrievalWithBias, RanksAreThoseOfTheDefinition) {
  struct Size {
    std::int64_t n, m;
  };
  for (const double scale : {0.0, 0.1, 1.0, 100.0}) {
    for (const Size& s : {Size{1, 1}, Size{2, 1}, Size{17, 40}, Size{300, 113}, Size{257, 1300}}) {
      const Matrix<float> queries = random_rows(s.n, 17, 1), candidates = random_rows(s.m, 17, 2);
      const std::vector<double> bias = normals<double>(s.m, 3, scale);
      const std::vector<std::int32_t> partners = some_partners(s.n, s.m);
      Context context = Context::cpu();
      EXPECT_EQ(retrieval_with_bias(context, queries, candidates, bias, partners).ranks,
                plain_ranks(queries, candidates, bias, partners))
          << s.n << " " << s.m << " " << scale;
    }
  }
}

TEST(RetrievalWithBias, WithoutBiasItIsRetrieval) {
  const Matrix<float> images = random_rows(700, 33, 4);
  const Matrix<float> texts = noisy(images, 5, 1.5F);
  Context context = Context::cpu();
  const Retrieval expected = retrieval(context, images, texts);
  const std::vector<double> none(700);
  EXPECT_EQ(retrieval_with_bias(context, images, texts, none).ranks, expected.image_to_text.ranks);
  EXPECT_EQ(retrieval_with_bias(context, texts, images, none).ranks, expected.text_to_image.ranks);
}

// Candidates that only float64 can tell apart: by a bias of 1e-12, in the shadow of biases that
// float32 rounds by more than that.
TEST(RetrievalWithBias, CloseCallsAreSettledInDouble) {
  const std::int64_t n = 90, d = 24;
  const Matrix<float> queries = random_rows(n, d, 6);
  Matrix<float> candidates = random_rows(n, d, 7);
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t k = 0; k < d; ++k) candidates(j, k) = candidates(j - j % 9, k);
  }
  for (const double shift : {0.0, -0.3, 1000.0}) {
    std::vector<double> bias;
    for (std::int64_t j = 0; j < n; ++j) {
      bias.push_back(shift + 1e-2 * static_cast<double>(j / 9) +
                     1e-12 * static_cast<double>(j * 5 % 9));
    }
    const std::vector<std::int32_t> partners = some_partners(n, n);
    Context context = Context::cpu();
    const auto ranks = retrieval_with_bias(context, queries, candidates, bias, partners).ranks;
    // Within a group of nine equal rows the bias alone decides.
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int32_t partner = partners[static_cast<std::size_t>(i)];
      const std::int32_t group = partner / 9;
      std::int32_t expected = 0;
      for (std::int32_t j = 0; j < n; ++j) {
        if (j == partner) continue;
        const double mine = bias[static_cast<std::size_t>(partner)];
        const double other = bias[static_cast<std::size_t>(j)];
        if (j / 9 == group) {
          expected += other > mine;
        } else {
          expected += plain_cosine(queries, i, candidates, j) + other >
                      plain_cosine(queries, i, candidates, partner) + mine;
        }
      }
      EXPECT_EQ(ranks[static_cast<std::size_t>(i)], expected) << i << " " << shift;
    }
  }
}

TEST(RetrievalWithBias, EqualScoresTieToTheLowerIndex) {
  Matrix<float> rows(40, 7);
  for (std::int64_t i = 0; i < 280; ++i) rows.data()[i] = 0.1F * static_cast<float>(i % 7);
  Context context = Context::cpu();
  const std::vector<double> bias(40, 0.37);
  const auto ranks = retrieval_with_bias(context, rows, rows, bias).ranks;
  for (std::int32_t i = 0; i < 40; ++i) EXPECT_EQ(ranks[static_cast<std::size_t>(i)], i);
}

TEST(RetrievalWithBias, AQueryAloneHasTheSameRank) {
  const Matrix<float> queries = random_rows(300, 20, 8);
  const Matrix<float> candidates = noisy(queries, 9, 1.5F);
  const std::vector<double> bias = normals<double>(300, 10, 0.1);
  Context context = Context::cpu();
  const auto ranks = retrieval_with_bias(context, queries, candidates, bias).ranks;
  for (std::int32_t i = 0; i < 300; i += 13) {
    const std::vector<std::int32_t> partner{i};
    const auto alone =
        retrieval_with_bias(context, queries.view().row_range(i, 1), candidates, bias, partner);
    EXPECT_EQ(alone.ranks[0], ranks[static_cast<std::size_t>(i)]);
  }
}

TEST(RetrievalWithBias, StridedViewsAndThreadsChangeNothing) {
  const Matrix<float> wide = random_rows(700, 40, 11), candidates = random_rows(700, 33, 12);
  const std::vector<double> bias = normals<double>(700, 13, 0.1);
  Context one = Context::cpu({.threads = 1}), three = Context::cpu({.threads = 3});
  const Matrix<float> packed = Matrix<float>::copy_of(one, wide.view().col_range(3, 33));
  EXPECT_EQ(retrieval_with_bias(one, wide.view().col_range(3, 33), candidates, bias).ranks,
            retrieval_with_bias(three, packed, candidates, bias).ranks);
}

TEST(RetrievalWithBias, BadInputIsNamed) {
  Context context = Context::cpu();
  const Matrix<float> five = random_rows(5, 4, 14), six = random_rows(6, 4, 15);
  const Matrix<float> narrow = random_rows(5, 3, 16);
  std::vector<double> bias(5);
  const auto message = [&](MatrixView<const float> queries, MatrixView<const float> candidates,
                           std::span<const std::int32_t> partners = {}) {
    return error_of([&] { retrieval_with_bias(context, queries, candidates, bias, partners); });
  };
  EXPECT_EQ(message(narrow, five), "retrieval_with_bias: expected candidates of 3 columns, got 4");
  EXPECT_EQ(message(five, six), "retrieval_with_bias: expected a bias of size 6, got 5");
  EXPECT_EQ(message(six, five),
            "retrieval_with_bias: expected 6 candidates, or partners, got 5 candidates without "
            "partners");
  EXPECT_EQ(message(five.view().row_range(0, 0), five),
            "retrieval_with_bias: expected at least 1 query, got 0");
  const std::vector<std::int32_t> two{0, 1}, outside{0, 1, 2, 5, 4};
  EXPECT_EQ(message(five, five, two), "retrieval_with_bias: expected partners of size 5, got 2");
  EXPECT_EQ(message(five, five, outside),
            "retrieval_with_bias: expected partners from 0 to 4, got 5 for query 3");
  Matrix<float> bad = random_rows(5, 4, 17);
  bad(1, 2) = NAN;
  EXPECT_EQ(message(bad, five),
            "retrieval_with_bias queries: expected finite values, got nan in row 1, column 2");
  for (std::int64_t k = 0; k < 4; ++k) bad(1, k) = 0;
  EXPECT_EQ(
      message(five, bad),
      "retrieval_with_bias: expected candidates of length above 0, got a zero vector in row 1");
  bias[2] = -INFINITY;
  EXPECT_EQ(message(five, five),
            "retrieval_with_bias: expected a finite bias, got -inf for candidate 2");
}

}  // namespace
}  // namespace clipk::test
