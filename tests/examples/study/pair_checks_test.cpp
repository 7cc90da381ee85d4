// What all programs ask of pairs first: whether they match, whether rows are repeated, and which
// classes are too small.
#include "study/pair_checks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "clipk/core/matrix.hpp"
#include "clipk/core/random.hpp"
#include "clipk/core/select_rows.hpp"
#include "clipk/metrics/retrieval.hpp"
#include "dimension/findings.hpp"
#include "study/pairs.hpp"
#include "study/rare_classes.hpp"

namespace clipk::study {
namespace {

using Ranks = std::vector<std::int32_t>;

bool has(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

// Texts are their images and as much noise.
struct Pairs {
  Matrix<float> images, texts;
};
Pairs noisy_pairs(std::int64_t n, double noise) {
  constexpr std::int64_t kDim = 32;
  Random random(8);
  Pairs pairs{Matrix<float>(n, kDim), Matrix<float>(n, kDim)};
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < kDim; ++j) {
      const double value = random.normal();
      pairs.images(i, j) = static_cast<float>(value);
      pairs.texts(i, j) = static_cast<float>(value + noise * random.normal());
    }
  }
  return pairs;
}
PairMatch match_of_rows(const Pairs& pairs, const std::vector<std::int64_t>& order) {
  Context context = Context::cpu();
  const Matrix<float> texts = select_rows(pairs.texts, order);
  const Retrieval found = retrieval(context, pairs.images, texts);
  return match_of(found.image_to_text.ranks, found.text_to_image.ranks);
}
std::vector<std::int64_t> in_order(std::int64_t n) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

TEST(PairChecks, PairsInOrderMatchAndInAnotherOrderDoNot) {
  const Pairs pairs = noisy_pairs(200, 1);
  EXPECT_TRUE(match_of_rows(pairs, in_order(200)).shown);
  EXPECT_TRUE(mismatch_words(match_of_rows(pairs, in_order(200))).empty());
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_FALSE(match_of_rows(pairs, Random(seed).permutation(200)).shown) << seed;
  }
  std::vector<std::int64_t> order = in_order(200);
  std::rotate(order.begin(), order.begin() + 1, order.end());
  EXPECT_FALSE(match_of_rows(pairs, order).shown);
  order = in_order(200);
  std::reverse(order.begin(), order.end());
  EXPECT_FALSE(match_of_rows(pairs, order).shown);
  order = Random(1).permutation(100);  // each half in itself
  for (std::size_t i = 0; i < 100; ++i) order.push_back(100 + order[i]);
  EXPECT_FALSE(match_of_rows(pairs, order).shown);
}

TEST(PairChecks, AFaintMatchOfManyPairsIsOne) {
  const PairMatch faint = match_of_rows(noisy_pairs(400, 5), in_order(400));
  EXPECT_TRUE(faint.shown);
  EXPECT_GT(faint.i2t_mean_rank, 80);
}

TEST(PairChecks, BelowSixPairsNothingIsShown) {
  for (const std::int32_t n : {1, 2, 5}) {
    const Ranks best(static_cast<std::size_t>(n), 0);
    EXPECT_FALSE(match_of(best, best).shown);
    EXPECT_TRUE(has(mismatch_words(match_of(best, best)), "The pairs are not shown to match"));
  }
  EXPECT_TRUE(match_of(Ranks(6, 0), Ranks(6, 0)).shown);
  EXPECT_FALSE(match_of(Ranks(6, 0), Ranks{0, 1, 2, 3, 4, 5}).shown);  // one direction is not both
}

TEST(PairChecks, RepeatedRowsAreCountedAndExplained) {
  const Pairs pairs = noisy_pairs(4, 1);
  const auto rows = [&](const Matrix<float>& from, const std::vector<std::int64_t>& order) {
    Matrix<float> chosen(static_cast<std::int64_t>(order.size()), from.cols());
    for (std::size_t i = 0; i < order.size(); ++i) {
      std::copy_n(from.view().row(order[i]), from.cols(),
                  chosen.view().row(static_cast<std::int64_t>(i)));
    }
    return chosen;
  };
  const auto words = [&](const Matrix<float>& images, const Matrix<float>& texts, bool paired) {
    std::string all;
    for (const std::string& line :
         repeated_words(repeated_pairs(images, texts, equal_rows(images, texts, paired), paired),
                        "i.npy", "t.npy", "")) {
      all += line + "\n";
    }
    return all;
  };
  EXPECT_EQ(words(pairs.images, pairs.texts, true), "");
  // Two texts per image.
  const Matrix<float> twice = rows(pairs.images, {0, 0, 1, 1});
  EXPECT_EQ(words(twice, pairs.texts, true),
            "i.npy: 2 of 4 rows equal an earlier one (row 1 is row 0); a query finds the first of "
            "equal rows, so the others count as missed. 2 texts per image? Keep one of each, or "
            "each image "
            "once with --pairs-index\n");
  EXPECT_TRUE(has(words(rows(pairs.images, {0, 1, 1, 2}), pairs.texts, true),
                  "1 of 4 rows equal an earlier one (row 2 is row 1)"));
  EXPECT_TRUE(has(words(pairs.images, rows(pairs.texts, {0, 0, 1, 1}), true),
                  "2 images per text? Keep one of each"));
  const std::string prompts = words(pairs.images, rows(pairs.texts, {0, 0, 0, 0}), true);
  EXPECT_TRUE(has(prompts, "One text for many images, as with prompts of classes")) << prompts;
  EXPECT_FALSE(has(prompts, "Keep one of each")) << prompts;
  EXPECT_TRUE(has(words(twice, rows(pairs.texts, {0, 0, 1, 1}), true),
                  "Whole pairs are repeated: keep each once"));
  EXPECT_EQ(words(pairs.images, pairs.images, true),
            "t.npy: 4 of 4 rows equal their own row of i.npy. Are both of one modality?\n");
  // Not paired: a note, but nothing is missed.
  EXPECT_EQ(words(rows(pairs.images, {0, 1}), twice, false),
            "t.npy: 2 of 4 rows equal an earlier one (row 1 is row 0)\n"
            "t.npy: 4 rows for the 2 of i.npy: 2 texts per image? They are taken as unpaired; for "
            "retrieval keep one of each, or take --pairs-index\n");
}

// Images 0 and 1 are equal, and so are a text of image 2 and one of image 4; image 3 has no text,
// and text 5 no image.
struct IndexedPairs {
  IndexedPairs() {
    const Pairs rows = noisy_pairs(8, 1);
    pairs.images = select_rows(rows.images, std::vector<std::int64_t>{0, 0, 2, 3, 4});
    pairs.texts = select_rows(rows.texts, std::vector<std::int64_t>{0, 1, 2, 3, 2, 6, 7});
    pairs.image_of_text = {0, 1, 2, 2, 4, -1, 0};
  }
  EmbeddingPairs pairs;
};

TEST(PairChecks, ImagesStayTogetherByEqualRowsOfEitherKind) {
  const EmbeddingPairs pairs = IndexedPairs().pairs;
  const EqualRows equal = equal_rows(pairs.images, pairs.texts, true, pairs.image_of_text);
  EXPECT_EQ(equal.images, (std::vector<std::int64_t>{0, 0, 1, 2, 3}));
  EXPECT_EQ(equal.texts, (std::vector<std::int64_t>{0, 1, 2, 3, 2, 4, 5}));
  EXPECT_EQ(equal.pairs, (std::vector<std::int64_t>{0, 0, 1, 2, 1}));
  // Of prompts images alone keep together.
  const std::vector<std::int32_t> prompts{0, 1, 2, 3, 4, 5, 6, 7};
  const Matrix<float> images = noisy_pairs(8, 1).images;
  const Matrix<float> texts =
      select_rows(images, std::vector<std::int64_t>{0, 0, 0, 0, 1, 1, 1, 1});
  EXPECT_EQ(equal_rows(images, texts, true, prompts).pairs, in_order(8));
}

TEST(PairChecks, SelectedImagesBringTheirTextsAndThoseOfNone) {
  const EmbeddingPairs pairs = IndexedPairs().pairs;
  const EmbeddingPairs some = select_pairs(pairs, {1, 2});
  EXPECT_EQ(texts_with(pairs, {1, 2}), (std::vector<std::int64_t>{1, 2, 3, 5}));
  EXPECT_EQ(some.image_of_text, (Ranks{0, 1, 1, -1}));
  EXPECT_EQ(some.images.rows(), 2);
  EXPECT_EQ(some.images(0, 3), pairs.images(1, 3));
  EXPECT_EQ(some.texts(2, 3), pairs.texts(3, 3));
  const EmbeddingPairs all = one_to_one(pairs);
  EXPECT_TRUE(all.image_of_text.empty());
  ASSERT_EQ(all.images.rows(), 6);
  for (std::int64_t i = 0; i < 6; ++i) {
    const std::int64_t text = i < 5 ? i : 6;
    EXPECT_EQ(all.texts(i, 1), pairs.texts(text, 1));
    EXPECT_EQ(all.images(i, 1),
              pairs.images(pairs.image_of_text[static_cast<std::size_t>(text)], 1));
  }
  EXPECT_EQ(pair_count_words(5, 7, pairs.image_of_text),
            "5 images (1 without a text) and 7 texts (1 without an image)");
  EXPECT_EQ(pair_count_words(5, 5, {}), "5 pairs");
}

TEST(PairChecks, RepeatedImagesOfAnIndexAreToBeNamedOnce) {
  const EmbeddingPairs pairs = IndexedPairs().pairs;
  const EqualRows equal = equal_rows(pairs.images, pairs.texts, true, pairs.image_of_text);
  const auto words = repeated_words(
      repeated_pairs(pairs.images, pairs.texts, equal, true, pairs.image_of_text), "i", "t", "");
  ASSERT_EQ(words.size(), 2u);
  EXPECT_TRUE(has(words[0], "Keep each image once, and name it for all its texts")) << words[0];
  EXPECT_TRUE(has(words[1], "t: 1 of 7 rows equal an earlier one (row 4 is row 2)")) << words[1];
}

// Five texts an image, of which each image has its own or those of another one.
PairMatch match_of_texts(std::int64_t n, double noise, double apart, bool shuffled) {
  const Pairs pairs = noisy_pairs(n, noise);
  Random random(4);
  Matrix<float> texts(5 * n, pairs.texts.cols());
  Ranks index;
  const std::vector<std::int64_t> order = shuffled ? Random(5).permutation(n) : in_order(n);
  for (std::int64_t t = 0; t < 5 * n; ++t) {
    index.push_back(static_cast<std::int32_t>(order[static_cast<std::size_t>(t / 5)]));
    for (std::int64_t j = 0; j < texts.cols(); ++j) {
      texts(t, j) = pairs.texts(t / 5, j) + static_cast<float>(apart * random.normal());
    }
  }
  Context context = Context::cpu();
  const Retrieval found = retrieval(context, pairs.images, texts, index);
  return match_of(found.image_to_text.ranks, found.text_to_image.ranks, n, index);
}

TEST(PairChecks, SeveralTextsAnImageMatchOrDoNot) {
  for (const double apart : {.01, 1., 10.}) {
    EXPECT_TRUE(match_of_texts(300, 1, apart, false).shown) << apart;
    EXPECT_FALSE(match_of_texts(300, 1, apart, true).shown) << apart;
  }
  const PairMatch match = match_of_texts(300, 1, 10, true);
  EXPECT_NEAR(match.i2t_chance, 1501. / 6, 1e-9);
  EXPECT_NEAR(match.t2i_chance, 301. / 2, 1e-9);
  EXPECT_NEAR(match.i2t_mean_rank, match.i2t_chance, 40);  // three standard errors
  EXPECT_TRUE(has(mismatch_words(match), "by chance 250.2, and a text's image"))
      << mismatch_words(match);
  // One text an image: the test of pairs.
  const Pairs pairs = noisy_pairs(50, 4);
  Context context = Context::cpu();
  Ranks index;
  for (std::int32_t i = 0; i < 50; ++i) index.push_back(i);
  const Retrieval found = retrieval(context, pairs.images, pairs.texts);
  const Ranks &i2t = found.image_to_text.ranks, &t2i = found.text_to_image.ranks;
  EXPECT_EQ(match_of(i2t, t2i, 50, index).shown, match_of(i2t, t2i).shown);
  EXPECT_EQ(json_of(match_of(i2t, t2i, 50, index)), json_of(match_of(i2t, t2i)));
  EXPECT_FALSE(match_of(Ranks(5, 0), Ranks(5, 0), 5, Ranks{0, 1, 2, 3, 4}).shown);
}

TEST(PairChecks, NoDimensionIsSafeOfPairsThatDoNotMatch) {
  DimensionFindings found{.pairs = 200, .dim = 64, .margin = .02, .i2t_top1 = .9, .t2i_top1 = .9};
  EXPECT_TRUE(cannot_be_safe(found).empty());
  found.match = match_of(Ranks(200, 100), Ranks(200, 100));
  EXPECT_TRUE(has(cannot_be_safe(found), "not shown to match"));
  EXPECT_TRUE(has(cannot_be_safe(found), "so no dimension is called safe"));
  // A margin of 30 points asks for a level that there can be.
  found.match.shown = true;
  found.margin = .3;
  EXPECT_TRUE(cannot_be_safe(found).empty());
  found.t2i_top1 = .5;
  EXPECT_TRUE(has(cannot_be_safe(found), "only 50.0 % find their partner"));
}

TEST(RareClassesTest, AreLeftOutNumberedAnewAndNamed) {
  std::vector<Factor> factors(3);
  factors[0] = {.name = "kind",
                .classes = {0, 1, 2, 0, 2, -1, 2, 0},
                .class_names = {"cat", "dog", "road", "none"}};
  factors[1] = {.name = "one", .classes = {0, 0, 0, 0, 0, 0, 0, 1}, .class_names = {"a", "b"}};
  factors[2].name = "size";
  factors[2].values = Matrix<float>(8, 1);
  const std::vector<RareClasses> rare = drop_rare_classes(factors, 3);
  ASSERT_EQ(factors.size(), 2u);
  EXPECT_EQ(factors[0].classes, (std::vector<std::int32_t>{0, -1, 1, 0, 1, -1, 1, 0}));
  EXPECT_EQ(factors[0].class_names, (std::vector<std::string>{"cat", "road"}));
  EXPECT_EQ(factors[1].name, "size");
  ASSERT_EQ(rare.size(), 2u);
  EXPECT_EQ(words_of(rare[0]), "kind: left out a class of fewer than 3 rows: dog (1)");
  EXPECT_EQ(words_of(rare[1]),
            "one: left out a class of fewer than 3 rows: b (1); fewer than two classes of 3 rows "
            "are left, so it is not studied");
  EXPECT_EQ(json_of(rare)[0]["classes"], Json({{"dog", 1}}));
  EXPECT_TRUE(drop_rare_classes(factors, 3).empty());
}

}  // namespace
}  // namespace clipk::study
