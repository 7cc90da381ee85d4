// dimension_study on real CLIP pairs (script/fetch-data), and on those of an untrained CLIP.
#include <cmath>
#include <cstdlib>
#include <map>
#include <string>

#include "examples/dimension/dimension_files.hpp"
#include "support/golden_folder.hpp"

namespace clipk::test {
namespace {

class CocoStudyTest : public DimensionTest {
 protected:
  static std::filesystem::path data() {
    const char* set = std::getenv("CLIPK_DATA");
    return set != nullptr && *set != '\0' ? set : golden_folder() / "../../data";
  }
  static bool have(const std::string& prefix) {
    return std::filesystem::exists(data() / "coco500" / (prefix + "image_embeddings.npy")) &&
           std::filesystem::exists(data() / "coco500" / (prefix + "text_embeddings.npy"));
  }
};

TEST_F(CocoStudyTest, BaselineAndPca) {
  if (!have("")) GTEST_SKIP() << "no COCO-500 here: script/fetch-data brings them";
  const ProgramResult result = run({"--methods", "pca", "--holdout", "0", "--dims",
                                    "256,192,128,64,32,16", "--out", path("out")},
                                   {.environment = {{"CLIPK_DATA", data()}}});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out.rfind("COCO-500: 500 pairs of dimension 512", 0), 0u) << result.out;
  struct Expected {
    int dim, i2t, t2i;  // -1: no figure
    double kendall_distance, stress1;
  };
  const std::vector<Expected> expected{
      {512, 276, 253, 0, 0},
      {256, 271, 250, .004856, .003435},
      {192, 277, 253, -1, -1},
      {128, 266, 242, .030785, .016006},
      {64, 217, 202, .096114, .040468},
      {32, 139, 126, .176258, .079202},
      {16, -1, -1, .243744, .131732},
  };
  const auto rows = results("out")["rows"];
  ASSERT_EQ(rows.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const auto& row = rows[i];
    EXPECT_EQ(row["method"], i == 0 ? "none" : "pca");
    EXPECT_EQ(row["dim"], expected[i].dim);
    if (expected[i].i2t >= 0) {
      EXPECT_EQ(row["i2t_matched"], expected[i].i2t) << expected[i].dim;
      EXPECT_EQ(row["t2i_matched"], expected[i].t2i) << expected[i].dim;
    }
    if (expected[i].stress1 >= 0) {
      EXPECT_NEAR(row["kendall_distance"], expected[i].kendall_distance, 1e-5) << expected[i].dim;
      EXPECT_NEAR(row["stress1"], expected[i].stress1, 1e-5) << expected[i].dim;
    }
  }
}

TEST_F(CocoStudyTest, UntrainedClipStaysAtChance) {
  if (!have("random_clip_")) GTEST_SKIP() << "no control here: script/fetch-data brings it";
  const auto folder = data() / "coco500";
  ASSERT_NO_FATAL_FAILURE(run_into(
      "out", {"--images", folder / "random_clip_image_embeddings.npy", "--texts",
              folder / "random_clip_text_embeddings.npy", "--methods", "pca,paired,random,isotonic",
              "--dims", "64", "--epochs", "10", "--quads", "100000", "--splits", "1"}));
  const auto rows = results("out")["rows"];
  EXPECT_EQ(rows.size(), 3u + 4 * 3);
  for (const auto& row : rows) {
    // Paired axes, also as the start of a network for new pairs, learn the fitted ones by heart.
    if (row["split"] == "train" || (row["method"] == "paired" && row["split"] == "all")) continue;
    EXPECT_LE(row["i2t_matched"], 5) << row.dump();  // 1 of 500 is the mean of chance
    EXPECT_LE(row["t2i_matched"], 5) << row.dump();
  }
}

// Two splits only; docs/dimension_study.md has twenty.
TEST_F(CocoStudyTest, PairedAxesServeNewPairsBetterThanPca) {
  if (!have("")) GTEST_SKIP() << "no COCO-500 here: script/fetch-data brings them";
  const ProgramResult result = run({"--methods", "pca,paired", "--dims", "128,64,32,16", "--splits",
                                    "2", "--bytes", "--out", path("out")},
                                   {.environment = {{"CLIPK_DATA", data()}}});
  ASSERT_EQ(result.status, 0) << result.err;
  std::map<std::string, double> top1;
  const auto all = results("out");
  for (const auto& row : all["rows"]) {
    if (row["split"] != "heldout") continue;
    top1[row["method"].get<std::string>() + row["dim"].dump()] =
        (row["i2t_top1"].get<double>() + row["t2i_top1"].get<double>()) / 2;
  }
  EXPECT_GT(top1["paired128"], top1["pca128"] + .02);
  EXPECT_GT(top1["paired64"], top1["pca64"] + .05);
  EXPECT_GT(top1["paired32"], top1["pca32"] + .1);
  EXPECT_GT(top1["paired16"], top1["pca16"] + .1);
  // A new pair in 8 bits a dimension is found about as often as in 32.
  double lost = 0;
  for (const auto& size : all["sizes"]) {
    if (size["split"] != "heldout" || size["method"] != "paired" || size["dim"] != 128) continue;
    if (size["storage"] == "float32") lost += size["i2t_top1"].get<double>();
    if (size["storage"] == "int8") {
      lost -= size["i2t_top1"].get<double>();
      EXPECT_EQ(size["bytes"], 128);
    }
  }
  EXPECT_LT(std::abs(lost), .02);
}

}  // namespace
}  // namespace clipk::test
