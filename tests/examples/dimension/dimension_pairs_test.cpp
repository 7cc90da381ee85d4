// Pairs that do not match, that are repeated, and that are few.
#include "examples/dimension/dimension_files.hpp"
#include "examples/study/pair_rows.hpp"

namespace clipk::test {
namespace {

class DimensionPairsTest : public DimensionTest {
 protected:
  std::vector<std::string> pca(const std::string& prefix) const {
    return with(toy(), {"--images", path(prefix + "i.npy"), "--texts", path(prefix + "t.npy"),
                        "--methods", "pca"});
  }
  void write_pairs(const std::string& prefix, const EmbeddingPairs& pairs,
                   const std::vector<std::int64_t>& images,
                   const std::vector<std::int64_t>& texts) const {
    write_npy(path(prefix + "i.npy"), select_rows(pairs.images, images));
    write_npy(path(prefix + "t.npy"), select_rows(pairs.texts, texts));
  }
  ProgramResult run_pca(const std::string& prefix, const std::vector<std::string>& more = {}) {
    const ProgramResult result = run(with(with(pca(prefix), more), {"--out", path("out")}));
    EXPECT_EQ(result.status, 0) << result.err;
    return result;
  }
  // Without an interval that would say so, no dimension is safe; and the reason is given.
  void expect_none_safe(const ProgramResult& result, const std::string& reason) {
    const auto all = results("out");
    EXPECT_HAS(all["no_dimension_is_safe"].get<std::string>(), reason);
    EXPECT_HAS(result.out, reason);
    for (const auto& method : all["smallest_dim"]) {
      for (const auto& kind : method) {
        for (const auto& dim : kind) EXPECT_TRUE(dim.is_null());
      }
    }
  }
};

TEST_F(DimensionPairsTest, OfShuffledPairsNoDimensionIsSafe) {
  const EmbeddingPairs pairs = toy_pairs(200);
  write_pairs("", pairs, each_row(200, 1), each_row(200, 1));
  run_pca("");
  EXPECT_TRUE(results("out")["match"]["shown"]);
  write_pairs("s", pairs, each_row(200, 1), Random(0).permutation(200));
  expect_none_safe(run_pca("s"), "The pairs are not shown to match");
  EXPECT_FALSE(results("out")["match"]["shown"]);
}

TEST_F(DimensionPairsTest, OfFewPairsNoDimensionIsSafe) {
  expect_none_safe(run_pca(""), "With 40 pairs a loss of 2 points cannot be ruled out");
}

TEST_F(DimensionPairsTest, EqualRowsStayOnOneSideOfASplit) {
  // The nearly same pairs twice: half of the queries can be right, of a split that is whole no
  // more.
  EmbeddingPairs pairs = toy_pairs(60);
  std::copy_n(pairs.images.data(), pairs.images.rows() * kDim, pairs.texts.data());
  for (std::int64_t i = 0; i < 60; ++i) pairs.texts(i, 0) += .01F;
  std::vector<std::int64_t> twice = each_row(60, 1);
  twice.insert(twice.end(), twice.begin(), twice.end());
  const auto held_out = [&](const std::vector<std::int64_t>& images,
                            const std::vector<std::int64_t>& texts) {
    write_pairs("r", pairs, images, texts);
    run_pca("r");
    const nlohmann::ordered_json all = results("out");
    for (const auto& row : all["rows"]) {
      if (row["method"] == "none" && row["split"] == "heldout") {
        return std::pair<double, double>{row["i2t_top1"], row["t2i_top1"]};
      }
    }
    return std::pair<double, double>{};
  };
  EXPECT_EQ(held_out(twice, twice), (std::pair{.5, .5}));
  EXPECT_EQ(results("out")["repeated_rows"]["images"]["equal_an_earlier_one"], 60);
}

TEST_F(DimensionPairsTest, PromptsOfManyImagesHoldImagesOut) {
  for (const std::int64_t prompts : {2, 5}) {
    std::vector<std::int64_t> texts;
    for (std::int64_t i = 0; i < 100; ++i) texts.push_back(i % prompts);
    write_pairs("p", toy_pairs(100), each_row(100, 1), texts);
    const ProgramResult result = run_pca("p");
    EXPECT_EQ(result.out.find("nothing is held out"), std::string::npos) << result.out;
    const nlohmann::ordered_json all = results("out");
    EXPECT_TRUE(std::any_of(all["rows"].begin(), all["rows"].end(),
                            [](const auto& row) { return row["split"] == "heldout"; }));
    EXPECT_HAS(result.out, "One text for many images, as with prompts of classes");
  }
}

TEST_F(DimensionPairsTest, RepeatedRowsAreNoted) {
  write_pairs("r", toy_pairs(100), each_row(20, 5), each_row(100, 1));
  EXPECT_HAS(run_pca("r").out,
             "Note: " + path("ri.npy").string() +
                 ": 80 of 100 rows equal an earlier one (row 1 is row 0); a query finds the first "
                 "of equal rows, so the others count as missed. 5 texts per image? Keep one of "
                 "each, or each "
                 "image once with --pairs-index");
  write_pairs(
      "same",
      {select_rows(pairs_.images, each_row(40, 1)), select_rows(pairs_.images, each_row(40, 1))},
      each_row(40, 1), each_row(40, 1));
  EXPECT_HAS(run_pca("same").out, "40 of 40 rows equal their own row of ");
}

TEST_F(DimensionPairsTest, RowsOfOneDirectionAreEqual) {
  EmbeddingPairs pairs = toy_pairs(40);
  for (std::int64_t j = 0; j < kDim; ++j) pairs.images(7, j) = 3.3F * pairs.images(2, j);
  write_pairs("r", pairs, each_row(40, 1), each_row(40, 1));
  EXPECT_HAS(run_pca("r").out, "1 of 40 rows equal an earlier one (row 7 is row 2)");
}

TEST_F(DimensionPairsTest, SeveralTextsAnImageAreNamedWhereTheyAreRefused) {
  write_npy(path("t5.npy"), toy_pairs(5 * kPairs).texts);
  expect_refused_run(
      kData,
      "t5.npy: expected 40 rows as in " + path("i.npy").string() +
          ", got 200 (5 texts per image? Keep one of each, or give the image of each by "
          "--pairs-index)",
      with(toy(), {"--texts", path("t5.npy")}));
}

TEST_F(DimensionPairsTest, DefaultsAdaptToFewPairsAndColumns) {
  for (const std::int64_t n : {3, 5, 6, 7}) {
    write_pairs("few", toy_pairs(n), each_row(n, 1), each_row(n, 1));
    const ProgramResult result =
        run({"--images", path("fewi.npy"), "--texts", path("fewt.npy"), "--epochs", "2", "--splits",
             "1", "--threads", "1", "--out", path("out")});
    ASSERT_EQ(result.status, 0) << result.err;
    if (n < 6) {
      EXPECT_HAS(result.out, "Note: nothing is held out, so only the fitted pairs are measured");
    }
    EXPECT_EQ(results("out")["smallest_dim"]["pca"].contains("held_out"), n >= 6);
  }
  Matrix<float> images(40, 3), texts(40, 3);
  for (std::int64_t i = 0; i < 40; ++i) {
    for (std::int64_t j = 0; j < 3; ++j) {
      images(i, j) = pairs_.images(i, j);
      texts(i, j) = pairs_.texts(i, j);
    }
  }
  write_npy(path("narrowi.npy"), images);
  write_npy(path("narrowt.npy"), texts);
  const ProgramResult result = run({"--images", path("narrowi.npy"), "--texts", path("narrowt.npy"),
                                    "--methods", "pca", "--out", path("out")});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_HAS(result.out, "Note: --dims 1: the embeddings have 3 columns");
}

}  // namespace
}  // namespace clipk::test
