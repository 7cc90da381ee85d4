// Images of several texts, and of none: --pairs-index.
#include <numeric>

#include "clipk/io/safetensors.hpp"
#include "examples/dimension/dimension_files.hpp"
#include "examples/study/indexed_texts.hpp"
#include "examples/study/pair_rows.hpp"
#include "golden/retrieval.inc"

namespace clipk::test {
namespace {

using Json = nlohmann::ordered_json;
using Index = std::vector<std::int32_t>;

class DimensionIndexTest : public DimensionTest {
 protected:
  std::vector<std::string> indexed(const std::vector<std::string>& more = {}) const {
    return with(with(toy(), {"--texts", path("m.npy"), "--pairs-index", path("x.npy"), "--methods",
                             "random", "--threads", "2"}),
                more);
  }
  void write_texts(const std::vector<std::int64_t>& rows, const Index& index) const {
    write_npy(path("m.npy"), select_rows(pairs_.texts, rows));
    write_npy(path("x.npy"), index);
  }
  // 0 ... n - 1, each so many times.
  static Index images_of(std::int64_t n, std::int64_t times) {
    Index index;
    for (const std::int64_t row : each_row(n, times)) {
      index.push_back(static_cast<std::int32_t>(row));
    }
    return index;
  }
  static Json row_of(const Json& all, const std::string& method, const std::string& split) {
    for (const Json& row : all["rows"]) {
      if (row["method"] == method && row["split"] == split) return row;
    }
    return {};
  }
  // What does not depend on how the pairs are written down.
  static Json figures(Json all) {
    for (Json& row : all["rows"]) {
      for (const char* key : {"seconds", "i2t_matched", "t2i_matched"}) row.erase(key);
    }
    return {{"rows", all["rows"]}, {"intervals", all["intervals"]}, {"least", all["smallest_dim"]}};
  }
};

TEST_F(DimensionIndexTest, RetrievalIsTheRecallOfClipBenchmark) {
  const FiveTexts five;
  write_npy(path("fi.npy"), five.images);
  write_npy(path("ft.npy"), five.texts);
  write_npy(path("fx.npy"), five.index);
  const ProgramResult result =
      run({"--images", path("fi.npy"), "--texts", path("ft.npy"), "--pairs-index", path("fx.npy"),
           "--methods", "pca", "--dims", "8", "--splits", "2", "--out", path("out")});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_HAS(result.out, "Pairs: 200 images and 1000 texts of dimension 24 from ");
  EXPECT_HAS(result.out, "i2t: images that find one of their texts first");
  const Json all = results("out"), row = row_of(all, "none", "all");
  const char* const keys[] = {"i2t_top1", "i2t_r5", "i2t_r10", "t2i_top1", "t2i_r5", "t2i_r10"};
  for (std::size_t k = 0; k < 6; ++k) {
    EXPECT_NEAR(row[keys[k]], golden::recall_of_five_texts[k], 1e-12) << keys[k];
  }
  EXPECT_EQ(all["pairs_index"]["texts_with_image"], 1000);
  EXPECT_EQ(read_npy_matrix<float>(path("out/images_pca_8.npy")).rows(), 200);
  EXPECT_EQ(read_npy_matrix<float>(path("out/texts_pca_8.npy")).rows(), 1000);
  // Half of the images are held out, each with five texts.
  const Json held = row_of(all, "none", "heldout");
  const double images = double{held["i2t_matched"]} / double{held["i2t_top1"]},
               texts = double{held["t2i_matched"]} / double{held["t2i_top1"]};
  EXPECT_NEAR(images, 100, 1e-9);
  EXPECT_NEAR(texts, 500, 1e-9);
}

TEST_F(DimensionIndexTest, OneTextAnImageGivesTheFiguresOfPairs) {
  write_texts(each_row(kPairs, 1), images_of(kPairs, 1));
  const std::vector<std::string> methods{"--methods", "pca,random,isotonic"};
  ASSERT_NO_FATAL_FAILURE(run_into("pairs", with(toy(), methods)));
  ASSERT_NO_FATAL_FAILURE(run_into("indexed", indexed(methods)));
  EXPECT_EQ(figures(results("indexed")).dump(1), figures(results("pairs")).dump(1));
}

// Five copies of each text find what the text alone finds, and say no more of it: intervals stay as
// wide, also of held-out pairs, where an image and its copies are on one side.
TEST_F(DimensionIndexTest, CopiesOfTextsMakeNothingSurer) {
  write_texts(each_row(kPairs, 5), images_of(kPairs, 5));
  ASSERT_NO_FATAL_FAILURE(run_into("pairs", with(toy(), {"--methods", "random"})));
  ASSERT_NO_FATAL_FAILURE(run_into("copies", indexed()));
  const Json pairs = results("pairs"), copies = results("copies");
  ASSERT_EQ(pairs["intervals"].size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    for (const char* direction : {"i2t", "t2i"}) {
      for (const char* key : {"change", "low", "high"}) {
        EXPECT_NEAR(copies["intervals"][i][direction][key], pairs["intervals"][i][direction][key],
                    1e-12)
            << i << direction << key;
      }
    }
  }
  const Json alone = row_of(pairs, "random", "heldout"), five = row_of(copies, "random", "heldout");
  for (const char* key : {"i2t_top1", "t2i_top1", "stress1", "kendall_distance"}) {
    EXPECT_NEAR(five[key], alone[key], 1e-12) << key;
  }
}

TEST_F(DimensionIndexTest, RowsWithoutAPartnerAreCandidatesAlone) {
  // Copies of all texts, first and of no image: no image finds a text of its own, texts do as ever.
  std::vector<std::int64_t> rows = each_row(kPairs, 1);
  rows.insert(rows.end(), rows.begin(), rows.end());
  Index index(kPairs, -1);
  const Index own = images_of(kPairs, 1);
  index.insert(index.end(), own.begin(), own.end());
  write_texts(rows, index);
  ASSERT_NO_FATAL_FAILURE(run_into("pairs", with(toy(), {"--methods", "pca"})));
  const ProgramResult result = run(indexed({"--methods", "pca", "--out", path("out")}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_HAS(result.out, "40 images and 80 texts (40 without an image)");
  for (const char* split : {"all", "heldout"}) {
    for (const char* method : {"none", "pca"}) {
      const Json row = row_of(results("out"), method, split);
      EXPECT_EQ(row["i2t_top1"], 0) << method << split;
      EXPECT_EQ(row["t2i_top1"], row_of(results("pairs"), method, split)["t2i_top1"]);
      EXPECT_EQ(row["stress1"], row_of(results("pairs"), method, split)["stress1"]);  // same fits
    }
  }
  // Texts of ten images alone: the others are in the way of texts, and ask nothing.
  write_texts(each_row(10, 2), images_of(10, 2));
  ASSERT_NO_FATAL_FAILURE(run_into("ten", indexed({"--holdout", "0"})));
  EXPECT_EQ(
      results("ten")["pairs_index"],
      (Json{{"images", 40}, {"texts", 20}, {"images_with_text", 10}, {"texts_with_image", 20}}));
  EXPECT_LE(row_of(results("ten"), "none", "all")["t2i_matched"], 20);
  EXPECT_HAS(results("ten")["no_dimension_is_safe"].get<std::string>(), "With 10 pairs");
}

TEST_F(DimensionIndexTest, OfTextsOfOtherImagesNoDimensionIsSafe) {
  write_npy(path("i.npy"), toy_pairs(200).images);
  write_npy(path("m.npy"), select_rows(toy_pairs(200).texts, each_row(200, 2)));
  write_npy(path("x.npy"), images_of(200, 2));
  ASSERT_NO_FATAL_FAILURE(run_into("own", indexed()));
  EXPECT_TRUE(results("own")["match"]["shown"]);
  EXPECT_NEAR(results("own")["match"]["i2t_chance"], 401. / 3, 1e-9);
  Index other = images_of(200, 2);
  std::rotate(other.begin(), other.begin() + 2, other.end());
  write_npy(path("x.npy"), other);
  const ProgramResult result = run(indexed({"--out", path("other")}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_HAS(result.out, "The pairs are not shown to match: an image's best text has rank ");
  EXPECT_FALSE(results("other")["no_dimension_is_safe"].is_null());
}

TEST_F(DimensionIndexTest, OneFileOfBothAndLinesOfText) {
  write_texts(each_row(kPairs, 3), images_of(kPairs, 3));
  ASSERT_NO_FATAL_FAILURE(run_into("arrays", indexed()));
  write_safetensors(path("both"), {{"images", pairs_.images.view()},
                                   {"texts", read_npy_matrix<float>(path("m.npy")).view()}});
  std::string lines = "image\n";
  for (const std::int32_t image : images_of(kPairs, 3)) lines += std::to_string(image) + "\n";
  write_bytes(path("x.csv"), lines);
  ASSERT_NO_FATAL_FAILURE(
      run_into("one", {"--pairs", path("both"), "--pairs-index", path("x.csv"), "--methods",
                       "random", "--dims", "8,4", "--splits", "2"}));
  EXPECT_EQ(figures(results("one")).dump(1), figures(results("arrays")).dump(1));
  const Json inputs = results("one")["manifest"]["inputs"];
  EXPECT_TRUE(std::any_of(inputs.begin(), inputs.end(),
                          [](const Json& input) { return input["name"] == "pairs-index"; }));
}

TEST_F(DimensionIndexTest, ACheckpointIsOfOneIndex) {
  write_texts(each_row(kPairs, 3), images_of(kPairs, 3));
  const std::string c = path("c");
  ASSERT_NO_FATAL_FAILURE(run_into("first", indexed({"--checkpoint", c})));
  const ProgramResult again = run(indexed({"--checkpoint", c, "--out", path("again")}));
  ASSERT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(again.err, "");  // read, not fitted
  expect_same_run("first", "again");
  Index other = images_of(kPairs, 3);
  other[0] = 1;
  write_npy(path("x.npy"), other);
  expect_refused_run(kData, "other content of pairs-index", indexed({"--checkpoint", c}));
}

TEST_F(DimensionIndexTest, BadIndices) {
  const std::string x = path("x.npy"), m = path("m.npy");
  const auto refused = [&](const Index& index, const std::string& message) {
    write_texts(each_row(kPairs, 2), index);
    expect_refused_run(kData, message, indexed());
  };
  Index index = images_of(kPairs, 2);
  index[7] = 40;
  refused(index, x + ": expected an image from 0 to 39, or -1 for none, for text 7, got 40");
  index[7] = -2;
  refused(index, x + ": expected an image from 0 to 39, or -1 for none, for text 7, got -2");
  refused(Index(80, -1), x + ": expected at least 1 text with an image, got -1 for all 80");
  refused(images_of(kPairs, 1),
          x + ": expected 80 numbers of images, one for every row of " + m + ", got 40");
  index.assign(80, -1);
  index[0] = 3;
  index[1] = 5;
  refused(index, "expected at least 3 images that have a text to compare distances, got 2");
  index[2] = index[3] = 7;
  index[4] = 9;
  write_texts(each_row(kPairs, 2), index);
  expect_refused_run(
      kData, "--holdout 0.5: expected at least 3 pairs that differ on each side, got 1 of 3",
      indexed({"--holdout", "0.5"}));
  const ProgramResult few = run(indexed({"--out", path("few")}));
  EXPECT_EQ(few.status, 0) << few.err;
  EXPECT_HAS(few.out, "Note: nothing is held out");
  write_npy(x, std::vector<double>(80, .5));
  expect_refused_run(kData, "or -1 for none, for text 0, got 0.5", indexed());
  expect_refused_run(kData, path("none.npy").string() + ": expected ",
                     indexed({"--pairs-index", path("none.npy")}));
  expect_refused_run(kUsage,
                     "expected --images and --texts, or --pairs, beside --pairs-index, got "
                     "--pairs-index alone",
                     {"--pairs-index", x});
  expect_refused_run(kUsage, "--synthetic excludes --pairs-index",
                     {"--pairs-index", x, "--synthetic", "40"});
}

}  // namespace
}  // namespace clipk::test
