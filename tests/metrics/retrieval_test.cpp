#include "clipk/metrics/retrieval.hpp"

#include <cmath>
#include <cstring>
#include <string>

#include "support/coco500.hpp"
#include "support/error_of.hpp"
#include "support/random_rows.hpp"

namespace clipk::test {
namespace {

Context cpu(int threads = 2) {
  return Context::cpu({.threads = threads});
}

// The definition, in double: candidates better than the partner, and earlier ones as good.
std::vector<std::int32_t> plain_ranks(MatrixView<const float> queries,
                                      MatrixView<const float> candidates) {
  const auto cosine = [&](std::int64_t i, std::int64_t j) {
    double ab = 0, bb = 0;
    for (std::int64_t k = 0; k < queries.cols; ++k) {
      ab += static_cast<double>(queries(i, k)) * static_cast<double>(candidates(j, k));
      bb += static_cast<double>(candidates(j, k)) * static_cast<double>(candidates(j, k));
    }
    return ab / std::sqrt(bb);
  };
  std::vector<std::int32_t> ranks;
  for (std::int64_t i = 0; i < queries.rows; ++i) {
    const double partner = cosine(i, i);
    std::int32_t rank = 0;
    for (std::int64_t j = 0; j < candidates.rows; ++j) {
      const double other = cosine(i, j);
      if (j != i && (other > partner || (other == partner && j < i))) ++rank;
    }
    ranks.push_back(rank);
  }
  return ranks;
}

TEST(Retrieval, RanksAreThoseOfTheDefinition) {
  for (const std::int64_t n : {1, 2, 17, 113, 257, 1021, 1300}) {
    const Matrix<float> images = random_rows(n, 17, 1);
    const Matrix<float> texts = noisy(images, 2, 1.5F);
    Context context = cpu();
    const Retrieval result = retrieval(context, images, texts);
    EXPECT_EQ(result.image_to_text.ranks, plain_ranks(images, texts)) << n;
    EXPECT_EQ(result.text_to_image.ranks, plain_ranks(texts, images)) << n;
  }
}

TEST(Retrieval, EqualRowsTieToTheLowerIndex) {
  // Rows 3 k, 3 k + 1 and 3 k + 2 are the same text; lengths differ by exact powers of two.
  const std::int64_t n = 300;
  const Matrix<float> images = random_rows(n, 33, 3);
  Matrix<float> texts = noisy(images, 4, 0.1F);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t k = 0; k < 33; ++k) {
      texts(i, k) = texts(i - i % 3, k) * (i % 3 == 2 ? 4.0F : 1.0F);
    }
  }
  Context context = cpu();
  const Retrieval result = retrieval(context, images, texts);
  EXPECT_EQ(result.image_to_text.ranks, plain_ranks(images, texts));
  EXPECT_EQ(result.text_to_image.ranks, plain_ranks(texts, images));
  for (std::int64_t i = 1; i < n; i += 3) {
    EXPECT_GE(result.image_to_text.ranks[static_cast<std::size_t>(i)], 1) << i;
  }
  // All rows equal: every rank is the query's own index.
  Matrix<float> equal(40, 7);
  for (std::int64_t i = 0; i < 280; ++i) equal.data()[i] = 0.1F * static_cast<float>(i % 7);
  const Retrieval flat = retrieval(context, equal, equal);
  for (std::int32_t i = 0; i < 40; ++i) {
    EXPECT_EQ(flat.image_to_text.ranks[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(flat.text_to_image.ranks[static_cast<std::size_t>(i)], i);
  }
}

TEST(Retrieval, ScoresFollowFromRanks) {
  const RetrievalScores scores = retrieval_scores({0, 4, 5, 0, 9, 10});
  EXPECT_EQ(scores.matched, 2);
  EXPECT_DOUBLE_EQ(scores.top1, 2.0 / 6);
  EXPECT_DOUBLE_EQ(scores.r5, 3.0 / 6);
  EXPECT_DOUBLE_EQ(scores.r10, 5.0 / 6);
  EXPECT_DOUBLE_EQ(scores.mean_rank, 28.0 / 6 + 1);
  EXPECT_DOUBLE_EQ(scores.median_rank, 5.5);
  EXPECT_DOUBLE_EQ(retrieval_scores({7, 0, 2}).median_rank, 3);
  EXPECT_EQ(hits_at(scores, 5), (std::vector<double>{1, 1, 0, 1, 0, 0}));
}

TEST(Retrieval, StridedViewsAndThreadsChangeNothing) {
  const Matrix<float> wide = random_rows(700, 40, 5);
  const Matrix<float> texts = random_rows(700, 33, 6);
  const MatrixView<const float> view = wide.view().col_range(3, 33);
  Context one = cpu(1), two = cpu(2);
  const Matrix<float> packed = Matrix<float>::copy_of(one, view);
  const Retrieval a = retrieval(one, view, texts);
  const Retrieval b = retrieval(two, packed, texts);
  EXPECT_EQ(a.image_to_text.ranks, b.image_to_text.ranks);
  EXPECT_EQ(a.text_to_image.ranks, b.text_to_image.ranks);
}

std::string message(MatrixView<const float> images, MatrixView<const float> texts) {
  return error_of([&] {
    Context context = cpu();
    retrieval(context, images, texts);
  });
}

TEST(Retrieval, BadInputIsNamed) {
  const Matrix<float> five = random_rows(5, 4, 7);
  const Matrix<float> six = random_rows(6, 4, 8);
  EXPECT_EQ(message(five, six), "retrieval: expected texts of shape [5, 4], got [6, 4]");
  EXPECT_EQ(message({}, {}), "retrieval: expected at least 1 pair, got 0");
  Matrix<float> bad = random_rows(5, 4, 9);
  bad(3, 1) = NAN;
  EXPECT_EQ(message(five, bad),
            "retrieval texts: expected finite values, got nan in row 3, column 1");
  for (std::int64_t k = 0; k < 4; ++k) bad(3, k) = 0;
  EXPECT_EQ(message(bad, five),
            "retrieval: expected images of length above 0, got a zero vector in row 3");
}

TEST(Retrieval, Coco500Baseline) {
  CLIPK_COCO500_OR_SKIP(data, false);
  Context context = cpu();
  const Retrieval result = retrieval(context, data.images, data.texts);
  EXPECT_EQ(result.image_to_text.matched, 276);
  EXPECT_EQ(result.text_to_image.matched, 253);
  EXPECT_NEAR(result.image_to_text.r5, 0.808, 1e-9);
  EXPECT_NEAR(result.text_to_image.r5, 0.766, 1e-9);
  EXPECT_NEAR(result.image_to_text.r10, 0.892, 1e-9);
  EXPECT_NEAR(result.text_to_image.r10, 0.862, 1e-9);
}

TEST(Retrieval, AnUntrainedClipStaysAtChance) {
  CLIPK_COCO500_OR_SKIP(data, true);
  Context context = cpu();
  const Retrieval result = retrieval(context, data.images, data.texts);
  EXPECT_LE(result.image_to_text.matched, 5);
  EXPECT_LE(result.text_to_image.matched, 5);
}

}  // namespace
}  // namespace clipk::test
