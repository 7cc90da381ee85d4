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
            "equal rows, so the others count as missed. 2 texts per image? Keep one of each\n");
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
            "retrieval keep one of each\n");
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
