// Images of several texts, and of none: --pairs-index.
#include <algorithm>
#include <numeric>

#include "examples/semantic/semantic_files.hpp"
#include "examples/study/indexed_texts.hpp"
#include "examples/study/pair_rows.hpp"
#include "golden/retrieval.inc"

namespace clipk::test {
namespace {

using Json = nlohmann::ordered_json;
using Index = std::vector<std::int32_t>;

class SemanticIndexTest : public SemanticTest {
 protected:
  std::vector<std::string> indexed(const std::vector<std::string>& more = {}) const {
    return with(with(toy(), {"--texts", path("m.npy"), "--captions", path("m.txt"), "--pairs-index",
                             path("x.npy")}),
                more);
  }
  // These texts, with captions.
  void write_texts(const std::vector<std::int64_t>& rows, const Index& index) const {
    write_npy(path("m.npy"), select_rows(vectors(kPairs, 1), rows));
    write_npy(path("x.npy"), index);
    std::string captions;
    for (const std::int64_t row : rows) captions += "text of row " + std::to_string(row) + "\n";
    write_text("m.txt", captions);
  }
  static Index images_of(std::int64_t n, std::int64_t times) {
    Index index;
    for (const std::int64_t row : each_row(n, times)) {
      index.push_back(static_cast<std::int32_t>(row));
    }
    return index;
  }
};

TEST_F(SemanticIndexTest, RetrievalIsTheRecallOfClipBenchmark) {
  const FiveTexts five;
  write_npy(path("fi.npy"), five.images);
  write_npy(path("ft.npy"), five.texts);
  write_npy(path("fx.npy"), five.index);
  const ProgramResult result =
      run({"--images", path("fi.npy"), "--texts", path("ft.npy"), "--pairs-index", path("fx.npy"),
           "--permutations", "9", "--beta", "5", "--threads", "1", "--out", path("out")});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_HAS(result.out, "Images and texts: 200 images and 1000 texts of dimension 24 from ");
  const Json all = results("out"), scores = all["retrieval"]["cosine"];
  for (std::size_t way = 0; way < 2; ++way) {
    const Json& of = scores[way == 0 ? "image_to_text" : "text_to_image"];
    const double* expected = golden::recall_of_five_texts.data() + 3 * way;
    EXPECT_NEAR(of["top1"]["estimate"], expected[0], 1e-12);
    EXPECT_NEAR(of["r5"], expected[1], 1e-12);
    EXPECT_NEAR(of["r10"], expected[2], 1e-12);
  }
  EXPECT_EQ(all["pairs_index"], (Json{{"images", 200},
                                      {"texts", 1000},
                                      {"images_with_text", 200},
                                      {"texts_with_image", 1000}}));
}

TEST_F(SemanticIndexTest, OneTextAnImageGivesTheFiguresOfPairs) {
  write_texts(each_row(kPairs, 1), images_of(kPairs, 1));
  const std::vector<std::string> more{"--captions", path("captions.txt"), "--components",
                                      "pca,mds"};
  std::vector<std::string> pairs = with(toy(), more), index = indexed(more);
  for (auto* arguments : {&pairs, &index}) arguments->emplace_back("--quick");
  pairs.insert(pairs.end(), {"--out", path("pairs")});
  index.insert(index.end(), {"--out", path("indexed")});
  for (const auto& arguments : {pairs, index}) {
    const ProgramResult result = run(arguments);
    ASSERT_EQ(result.status, 0) << result.err;
  }
  Json expected = results("pairs"), got = results("indexed");
  EXPECT_TRUE(got.contains("pairs_index"));
  got.erase("pairs_index");
  for (Json* all : {&expected, &got}) all->erase("manifest");
  EXPECT_EQ(got.dump(1), expected.dump(1));
}

TEST_F(SemanticIndexTest, CopiesOfTextsMakeNothingSurer) {
  write_texts(each_row(kPairs, 3), images_of(kPairs, 3));
  ASSERT_NO_FATAL_FAILURE(run_into("alone", toy()));
  ASSERT_NO_FATAL_FAILURE(run_into("copies", indexed()));
  const Json alone = results("alone"), copies = results("copies");
  for (const char* way : {"image_to_text", "text_to_image"}) {
    for (const char* key : {"estimate", "low", "high"}) {
      EXPECT_NEAR(copies["retrieval"]["cosine"][way]["top1"][key],
                  alone["retrieval"]["cosine"][way]["top1"][key], 1e-12)
          << way << key;
    }
  }
  for (const char* gap : {"distance", "paired_cosine", "other_cosine"}) {
    for (const char* key : {"estimate", "low", "high"}) {
      EXPECT_NEAR(copies["gap"][gap][key], alone["gap"][gap][key], 1e-6) << gap << key;
    }
  }
  // Folds, and what is learned of them: classes' means do not change.
  EXPECT_EQ(copies["classes"]["texts"], alone["classes"]["texts"]);
  EXPECT_EQ(copies["classes"]["probe"], alone["classes"]["probe"]);
  // The table shows the first text of each image.
  for (const Json& row : copies["rows"]) EXPECT_EQ(row["text"].get<std::int64_t>() % 3, 0);
}

TEST_F(SemanticIndexTest, RowsWithoutAPartnerAreCandidatesAlone) {
  // First copies of all texts, of no image: no image finds a text of its own, texts do as ever. The
  // last two images have no text.
  std::vector<std::int64_t> rows = each_row(kPairs, 1);
  const std::vector<std::int64_t> paired = each_row(kPairs - 2, 1);
  rows.insert(rows.end(), paired.begin(), paired.end());
  Index index(kPairs, -1);
  const Index own = images_of(kPairs - 2, 1);
  index.insert(index.end(), own.begin(), own.end());
  write_texts(rows, index);
  const ProgramResult result =
      run(indexed({"--rows", "78,3,79", "--components", "pca,mds", "--out", path("out")}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_HAS(result.out, "80 images (2 without a text) and 158 texts (80 without an image)");
  const Json all = results("out");
  EXPECT_EQ(all["retrieval"]["cosine"]["image_to_text"]["top1"]["estimate"], 0);
  EXPECT_GT(all["retrieval"]["cosine"]["text_to_image"]["top1"]["estimate"], .3);
  for (const char* method : {"csls", "csls_bank", "sinkhorn", "sinkhorn_bank"}) {
    EXPECT_TRUE(all["retrieval"].contains(method)) << method;
  }
  EXPECT_GT(all["gap"]["paired_cosine"]["estimate"], all["gap"]["other_cosine"]["estimate"]);
  EXPECT_TRUE(all["gap"]["paired_cosine"]["low"].is_number());
  EXPECT_TRUE(all.contains("hubs"));
  EXPECT_FALSE(all.contains("left_out")) << all["left_out"];
  // Of the three images one has a text.
  ASSERT_EQ(all["rows"].size(), 1u);
  EXPECT_EQ(all["rows"][0]["text"], kPairs + 3);
  // Few images that have a text: figures without intervals.
  Index few(158, -1);
  for (std::int32_t t = 0; t < 8; ++t) few[static_cast<std::size_t>(10 * t)] = t % 4;
  write_texts(rows, few);
  ASSERT_NO_FATAL_FAILURE(run_into("few", indexed({"--rows", "78,79"})));
  EXPECT_TRUE(results("few")["gap"]["distance"]["low"].is_null());
  EXPECT_EQ(results("few")["rows"].size(), 2u);  // of the nearest texts
}

TEST_F(SemanticIndexTest, BadIndices) {
  const std::string x = path("x.npy"), m = path("m.npy");
  const auto refused = [&](const Index& index, const std::string& message) {
    write_texts(each_row(kPairs, 2), index);
    expect_refused_run(kData, message, indexed());
  };
  Index index = images_of(kPairs, 2);
  index[7] = 80;
  refused(index, x + ": expected an image from 0 to 79, or -1 for none, for text 7, got 80");
  refused(images_of(kPairs, 1),
          x + ": expected 160 numbers of images, one for every row of " + m + ", got 80");
  refused(Index(160, -1), x + ": expected at least 1 text with an image, got -1 for all 160");
  expect_refused_run(kUsage, "--texts", {"--pairs-index", x});
  std::vector<std::string> unpaired = indexed();
  unpaired.emplace_back("--unpaired");
  expect_refused_run(kUsage, "--pairs-index excludes --unpaired", unpaired);
}

}  // namespace
}  // namespace clipk::test
