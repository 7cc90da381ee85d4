// Retrieval where an image may have several texts, or none.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "clipk/metrics/retrieval.hpp"
#include "golden/retrieval.inc"
#include "metrics/labelings.hpp"
#include "support/error_of.hpp"
#include "support/random_rows.hpp"
#include "support/uniform_rows.hpp"

namespace clipk::test {
namespace {

using Index = std::vector<std::int32_t>;

// Each of n images `times` times, one after another.
Index several_each(std::int32_t n, std::int32_t times) {
  Index index;
  for (std::int32_t i = 0; i < n * times; ++i) index.push_back(i / times);
  return index;
}

// A text for every image, with twice as much noise as make_retrieval.py adds.
Matrix<float> texts_of(const Matrix<float>& images, const Index& image_of_text,
                       std::uint32_t seed) {
  const auto m = static_cast<std::int64_t>(image_of_text.size());
  Matrix<float> texts = uniform_rows(m, images.cols(), seed);
  for (std::int64_t t = 0; t < m; ++t) {
    for (std::int64_t k = 0; k < images.cols(); ++k) {
      texts(t, k) = images(image_of_text[static_cast<std::size_t>(t)], k) + 2 * texts(t, k);
    }
  }
  return texts;
}

// The list of all candidates of a query by falling score, equal ones by rising index: the place of
// the first that belongs to the query. In double.
template <class Score>
std::int32_t place_of_first(std::int64_t candidates, const Score& score,
                            const std::vector<std::int32_t>& own) {
  std::vector<double> scores;
  for (std::int64_t j = 0; j < candidates; ++j) scores.push_back(score(j));
  std::vector<std::int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  });
  const auto first = std::find_if(order.begin(), order.end(), [&](std::int32_t j) {
    return std::find(own.begin(), own.end(), j) != own.end();
  });
  return static_cast<std::int32_t>(first - order.begin());
}

// As the library computes it: the query's length changes no order.
double product(MatrixView<const float> x, std::int64_t i, MatrixView<const float> y,
               std::int64_t j) {
  double ab = 0, bb = 0;
  for (std::int64_t k = 0; k < x.cols; ++k) {
    ab += static_cast<double>(x(i, k)) * static_cast<double>(y(j, k));
    bb += static_cast<double>(y(j, k)) * static_cast<double>(y(j, k));
  }
  return ab / std::sqrt(bb);
}

Index owned_by(const Index& owners, std::int32_t owner) {
  Index own;
  for (std::size_t j = 0; j < owners.size(); ++j) {
    if (owners[j] == owner) own.push_back(static_cast<std::int32_t>(j));
  }
  return own;
}

struct PlainRanks {
  Index images, texts;
};
PlainRanks plain_ranks(MatrixView<const float> images, MatrixView<const float> texts,
                       const Index& image_of_text) {
  PlainRanks ranks;
  for (std::int32_t i = 0; i < images.rows; ++i) {
    const Index own = owned_by(image_of_text, i);
    if (own.empty()) continue;
    ranks.images.push_back(place_of_first(
        texts.rows, [&](std::int64_t t) { return product(images, i, texts, t); }, own));
  }
  for (std::int64_t t = 0; t < texts.rows; ++t) {
    const std::int32_t image = image_of_text[static_cast<std::size_t>(t)];
    if (image < 0) continue;
    ranks.texts.push_back(place_of_first(
        images.rows, [&](std::int64_t i) { return product(texts, t, images, i); }, {image}));
  }
  return ranks;
}

TEST(RetrievalOfTexts, RanksAreThoseOfTheDefinition) {
  struct Size {
    std::int32_t n, m;
  };
  for (const Size& s :
       {Size{1, 1}, Size{1, 7}, Size{17, 40}, Size{113, 60}, Size{257, 1300}, Size{1021, 300}}) {
    const Matrix<float> images = uniform_rows(s.n, 19, 1);
    const Index own = random_labels(s.m, static_cast<std::uint32_t>(s.n), 2);
    Matrix<float> texts = texts_of(images, own, 3);
    Index index = own;
    const Index left = random_labels(s.m, 5, 4);
    for (std::size_t t = 1; t < index.size(); ++t) {
      if (left[t] == 0) index[t] = -1;
    }
    Context context = Context::cpu({.threads = 2});
    const Retrieval found = retrieval(context, images, texts, index);
    const PlainRanks expected = plain_ranks(images, texts, index);
    EXPECT_EQ(found.image_to_text.ranks, expected.images) << s.n << " " << s.m;
    EXPECT_EQ(found.text_to_image.ranks, expected.texts) << s.n << " " << s.m;
  }
}

void expect_recalls(const Retrieval& found, const std::array<double, 6>& expected) {
  const auto& [to_text, to_image] = found;
  const std::array<double, 6> recalls{to_text.top1,  to_text.r5,  to_text.r10,
                                      to_image.top1, to_image.r5, to_image.r10};
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(recalls[i], expected[i], 1e-12) << i;
}

TEST(RetrievalOfTexts, EqualsTheRecallOfClipBenchmark) {
  Context context = Context::cpu({.threads = 2});
  const Matrix<float> images = uniform_rows(200, 24, 11);
  const Index five = several_each(200, 5);
  expect_recalls(retrieval(context, images, texts_of(images, five, 15), five),
                 golden::recall_of_five_texts);
  const Matrix<float> others = uniform_rows(150, 24, 12);
  const Index owner = random_labels(400, 150, 13), left = random_labels(400, 8, 14);
  Index some = owner;
  for (std::size_t t = 0; t < some.size(); ++t) {
    if (left[t] == 0) some[t] = -1;
  }
  expect_recalls(retrieval(context, others, texts_of(others, owner, 16), some),
                 golden::recall_of_some_texts);
}

TEST(RetrievalOfTexts, OneTextAnImageIsRetrievalOfPairs) {
  const Matrix<float> images = random_rows(700, 33, 4);
  const Matrix<float> texts = noisy(images, 5, 1.5F);
  Context context = Context::cpu({.threads = 2});
  const Retrieval expected = retrieval(context, images, texts);
  const Retrieval found = retrieval(context, images, texts, several_each(700, 1));
  EXPECT_EQ(found.image_to_text.ranks, expected.image_to_text.ranks);
  EXPECT_EQ(found.text_to_image.ranks, expected.text_to_image.ranks);
}

TEST(RetrievalOfTexts, OwnTextsDisplaceNothing) {
  // The image's three texts are better than all others; before them lie texts as good as its best.
  const Matrix<float> images = random_rows(3, 8, 6);
  Matrix<float> texts(6, 8);
  const auto copy = [&](std::int64_t to, std::int64_t from, float noise) {
    for (std::int64_t k = 0; k < 8; ++k) texts(to, k) = 2 * images(from, k);
    texts(to, 0) += noise;
  };
  copy(0, 0, 0);  // as good as text 3, of no image
  copy(1, 1, 0);
  copy(2, 0, .01F);
  copy(3, 0, 0);
  copy(4, 0, .02F);
  copy(5, 2, 0);
  Context context = Context::cpu();
  EXPECT_EQ(retrieval(context, images, texts, Index{-1, 1, 0, 0, 0, 2}).image_to_text.ranks,
            (Index{1, 0, 0}));
  EXPECT_EQ(retrieval(context, images, texts, Index{0, 1, 0, 0, 0, 2}).image_to_text.ranks,
            (Index{0, 0, 0}));
  EXPECT_EQ(retrieval(context, images, texts, Index{-1, -1, -1, -1, 0, 2}).image_to_text.ranks,
            (Index{3, 0}));
}

TEST(RetrievalOfTexts, EqualRowsTieToTheLowerIndex) {
  // Rows of one direction: of every image the first of its own texts counts, after all before it.
  Matrix<float> images(40, 7), texts(120, 7);
  for (std::int64_t i = 0; i < 280; ++i) images.data()[i] = 0.1F * static_cast<float>(i % 7);
  for (std::int64_t i = 0; i < 840; ++i) texts.data()[i] = 0.3F * static_cast<float>(i % 7);
  Index index;
  for (std::int32_t t = 0; t < 120; ++t) index.push_back(t % 40);
  Context context = Context::cpu({.threads = 2});
  const Retrieval found = retrieval(context, images, texts, index);
  for (std::int32_t i = 0; i < 40; ++i) {
    EXPECT_EQ(found.image_to_text.ranks[static_cast<std::size_t>(i)], i);
  }
  for (std::int32_t t = 0; t < 120; ++t) {
    EXPECT_EQ(found.text_to_image.ranks[static_cast<std::size_t>(t)], t % 40);
  }
}

TEST(RetrievalOfTexts, StridedViewsAndThreadsChangeNothing) {
  const Matrix<float> wide = random_rows(300, 40, 5), texts = random_rows(1500, 33, 6);
  const Index index = random_labels(1500, 300, 7);
  Context one = Context::cpu({.threads = 1}), three = Context::cpu({.threads = 3});
  const Matrix<float> packed = Matrix<float>::copy_of(one, wide.view().col_range(3, 33));
  const Retrieval a = retrieval(one, wide.view().col_range(3, 33), texts, index);
  const Retrieval b = retrieval(three, packed, texts, index);
  EXPECT_EQ(a.image_to_text.ranks, b.image_to_text.ranks);
  EXPECT_EQ(a.text_to_image.ranks, b.text_to_image.ranks);
}

TEST(RetrievalOfTexts, WithBiasTheBestOwnOneCounts) {
  const Matrix<float> queries = uniform_rows(90, 19, 8);
  const Index own = random_labels(500, 90, 9);
  const Matrix<float> candidates = texts_of(queries, own, 10);
  Context context = Context::cpu({.threads = 2});
  for (const double scale : {0.0, 0.1, 100.0}) {
    const std::vector<double> bias = normals<double>(500, 11, scale);
    Index expected;
    for (std::int32_t i = 0; i < 90; ++i) {
      const Index of_query = owned_by(own, i);
      if (of_query.empty()) continue;
      expected.push_back(place_of_first(
          500,
          [&](std::int64_t j) {
            return plain_cosine(queries, i, candidates, j) + bias[static_cast<std::size_t>(j)];
          },
          of_query));
    }
    const auto found = retrieval_with_bias_to_any(context, queries, candidates, bias, own);
    EXPECT_EQ(found.ranks, expected) << scale;
    if (scale == 0) {
      EXPECT_EQ(found.ranks, retrieval(context, queries, candidates, own).image_to_text.ranks);
    }
  }
}

TEST(RetrievalOfTexts, BadInputIsNamed) {
  Context context = Context::cpu();
  const Matrix<float> images = random_rows(5, 4, 7), texts = random_rows(6, 4, 8);
  const auto message = [&](MatrixView<const float> of_images, MatrixView<const float> of_texts,
                           const Index& index) {
    return error_of([&] { retrieval(context, of_images, of_texts, index); });
  };
  const Index good{0, 1, 2, 3, 4, -1};
  EXPECT_EQ(message(images, random_rows(6, 3, 9), good),
            "retrieval: expected texts of 4 columns, got 3");
  EXPECT_EQ(message(Matrix<float>(0, 4), texts, good),
            "retrieval: expected at least 1 image, got 0");
  EXPECT_EQ(message(images, texts, Index{0, 1}),
            "retrieval: expected image_of_text of size 6, got 2");
  EXPECT_EQ(message(images, texts, Index{0, 1, 2, 5, 4, -1}),
            "retrieval: expected an image from 0 to 4, or -1 for none, for text 3, got 5");
  EXPECT_EQ(message(images, texts, Index{0, 1, 2, 3, -2, 4}),
            "retrieval: expected an image from 0 to 4, or -1 for none, for text 4, got -2");
  EXPECT_EQ(message(images, texts, Index(6, -1)),
            "retrieval: expected at least 1 text with an image, got 6 without");
  Matrix<float> bad = random_rows(6, 4, 10);
  bad(5, 1) = NAN;  // a candidate, if no query
  EXPECT_EQ(message(images, bad, good),
            "retrieval texts: expected finite values, got nan in row 5, column 1");
  std::vector<double> bias(6);
  const auto biased = [&](const Index& index) {
    return error_of([&] { retrieval_with_bias_to_any(context, images, texts, bias, index); });
  };
  EXPECT_EQ(biased({0, 1}),
            "retrieval_with_bias_to_any: expected query_of_candidate of size 6, got 2");
  EXPECT_EQ(biased({0, 1, 9, 3, 4, -1}),
            "retrieval_with_bias_to_any: expected a query from 0 to 4, or -1 for none, for "
            "candidate 2, got 9");
  EXPECT_EQ(biased(Index(6, -1)),
            "retrieval_with_bias_to_any: expected at least 1 candidate with a query, got 6 "
            "without");
  bias[3] = INFINITY;
  EXPECT_EQ(biased(good),
            "retrieval_with_bias_to_any: expected a finite bias, got inf for candidate 3");
  bias.resize(5);
  EXPECT_EQ(biased(good), "retrieval_with_bias_to_any: expected a bias of size 6, got 5");
}

}  // namespace
}  // namespace clipk::test
