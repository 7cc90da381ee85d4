// What the factor study leaves behind.
#include <algorithm>
#include <cmath>

#include "clipk/io/array_file.hpp"
#include "examples/factor/factor_files.hpp"
#include "examples/study/pair_rows.hpp"

namespace clipk::test {
namespace {

using FactorStudyTest = FactorTest;
using Names = std::vector<std::string>;
using Json = nlohmann::ordered_json;

TEST_F(FactorStudyTest, LeavesEverything) {
  ASSERT_NO_FATAL_FAILURE(run_into("out", toy()));
  EXPECT_EQ(names("out"), (Names{"codes.npy", "edits.png", "first_stage.clipk", "held_out.npy",
                                 "iin.clipk", "interpreted.npy", "leakage.png", "results.csv",
                                 "results.json", "swaps.png", "training.png"}));
  const auto all = results("out");
  for (const char* key :
       {"factors", "block_sizes", "nll", "nll_gaussian", "round_trip_max", "logdet_error",
        "leakage", "edit_success", "off_target_drift", "seconds"}) {
    EXPECT_TRUE(all.contains(key)) << key;
  }
  EXPECT_EQ(all["factors"], (Names{"direction", "value"}));
  std::int64_t columns = 0;
  for (const auto& size : all["block_sizes"]) columns += size.get<std::int64_t>();
  EXPECT_EQ(columns, 4);
  EXPECT_LE(all["round_trip_max"].get<double>(), 1e-4);
  EXPECT_LE(all["round_trip_max_double"].get<double>(), 1e-10);
  EXPECT_LE(all["logdet_error"].get<double>(), 1e-6);
  ASSERT_EQ(all["rows"].size(), 2U);
  // A bar's direction is plain to the judge, in any picture.
  EXPECT_EQ(all["rows"][0]["factor"], "direction");
  EXPECT_EQ(all["rows"][0]["kind"], "classes");
  EXPECT_GT(all["rows"][0]["judge"].get<double>(), .95);
  EXPECT_EQ(all["rows"][1]["kind"], "values");
  EXPECT_EQ(all["rows"][0]["edits"], 40);
  EXPECT_TRUE(all["rows"][0].contains("flagged"));
  EXPECT_EQ(all["held_out"], 32);
  EXPECT_EQ(read_npy_matrix<float>(path("out/interpreted.npy")).cols(), 4);
  EXPECT_EQ(read_npy_matrix<float>(path("out/codes.npy")).rows(), kRows);
  EXPECT_EQ(read_npy_vector<std::int32_t>(path("out/held_out.npy")).size(), 32U);
}

TEST_F(FactorStudyTest, RareClassesAreLeftOutAndNamed) {
  std::string text = "kind,flat\n";
  for (std::int64_t i = 0; i < kRows; ++i) {
    text += i > 156 ? "odd" : i % 2 == 0 ? "a" : "b";
    text += ",same\n";
  }
  write_text("a.csv", text);
  const ProgramResult result = run(with(toy(), {"--out", path("out")}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_HAS(result.out, "Note: kind: left out a class of fewer than 5 rows: odd (3)");
  EXPECT_HAS(result.out, "left out, as they tell no rows apart: flat ('same' in every row)");
  EXPECT_EQ(results("out")["factors"], Json({"kind"}));
  EXPECT_EQ(results("out")["rare_classes"][0]["classes"]["odd"], 3);
}

TEST_F(FactorStudyTest, ValuesKnownOfFewRowsAreLeftOutAndNearOnesStudied) {
  std::string text = "direction,rare,northing\n";
  for (std::int64_t i = 0; i < kRows; ++i) {
    text += i % 2 == 0 ? "across," : "down,";
    if (i < 4) text += std::to_string(i) + ".5";
    text += "," + std::to_string(5'000'000 + i % 4) + ".5\n";
  }
  write_text("a.csv", text);
  const ProgramResult result = run(with(toy(), {"--out", path("out")}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_HAS(result.out, "Note: rare: known of 4 rows, fewer than 10, so it is not studied");
  EXPECT_EQ(results("out")["factors"], Json({"direction", "northing"}));
}

TEST_F(FactorStudyTest, EqualRowsStayOnOneSide) {
  // Eighty pictures, each twice.
  write_npy(path("x.npy"), select_rows(pictures(), [] {
              std::vector<std::int64_t> rows;
              for (std::int64_t i = 0; i < kRows; ++i) rows.push_back(i % 80);
              return rows;
            }()));
  std::string text = "direction\n";
  for (std::int64_t i = 0; i < kRows; ++i) text += i % 2 == 0 ? "across\n" : "down\n";
  write_text("a.csv", text);
  ASSERT_NO_FATAL_FAILURE(run_into("out", toy()));
  const std::vector<std::int32_t> held_out =
      read_array_vector<std::int32_t>(path("out/held_out.npy"));
  EXPECT_EQ(held_out.size(), 32u);
  for (const std::int32_t row : held_out) {
    EXPECT_EQ(std::count(held_out.begin(), held_out.end(), (row + 80) % 160), 1) << row;
  }
}

TEST_F(FactorStudyTest, TakesLabelsAndOtherStages) {
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < kRows; ++i) labels.push_back(static_cast<std::int32_t>(i % 2) + 4);
  write_npy(path("y.npy"), labels);
  write_text("names.txt", "a\nb\nc\nd\nacross\ndown\n");
  const auto labelled = with(toy(), {"--attributes", path("y.npy"), "--label-names",
                                     path("names.txt"), "--image-shape", "2x8", "--scale", "atan"});
  ASSERT_NO_FATAL_FAILURE(run_into("ae", with(labelled, {"--first-stage", "autoencoder"})));
  EXPECT_EQ(results("ae")["factors"], (Names{"class"}));
  ASSERT_NO_FATAL_FAILURE(run_into("pca", with(labelled, {"--first-stage", "pca", "--block-sizes",
                                                          "2", "--sizing", "softmax"})));
  EXPECT_EQ(results("pca")["block_sizes"]["class"], 2);
  EXPECT_EQ(results("pca")["block_sizes"]["residual"], 2);
}

// As pandas writes a table in a country of decimal commas, with values that are missing.
TEST_F(FactorStudyTest, TakesTablesOfOtherDialects) {
  std::string text = ";direction;value;split\n";
  for (std::int64_t i = 0; i < kRows; ++i) {
    std::string number = std::to_string(value(i));
    std::replace(number.begin(), number.end(), '.', ',');
    text += std::to_string(i) + (i % 2 == 0 ? ";across;" : ";down;") +
            (i % 11 == 0 ? "NA" : number) + ";test\n";
  }
  write_text("table.txt", text);
  const ProgramResult result =
      run(with(toy(), {"--attributes", path("table.txt"), "--out", path("out")}));
  ASSERT_EQ(result.status, 0) << result.err;
  const std::string note = "Note: " + path("table.txt").string() + ": ";
  EXPECT_HAS(result.out, note + "column 1 has no name and numbers the rows: left out");
  EXPECT_HAS(result.out, note + "numbers with a decimal comma: value");
  EXPECT_HAS(result.out, note + "values that are missing: value in 15 of 160 rows");
  EXPECT_HAS(result.out,
             note + "left out, as they tell no rows apart: split ('test' in every row)");
  const auto all = results("out");
  EXPECT_EQ(all["factors"], (Names{"direction", "value"}));
  EXPECT_EQ(all["rows"][1]["kind"], "values");
  EXPECT_TRUE(std::isfinite(all["rows"][1]["judge"].get<double>()));
}

TEST_F(FactorStudyTest, ShowsEditsOfVectorsByTheirTexts) {
  std::string captions;
  for (std::int64_t i = 0; i < kRows; ++i) captions += i % 2 == 0 ? "a cat\n" : "two dogs 犬\n";
  write_text("c.txt", captions);
  write_text("w.txt", "animal: cat, dog\n");
  ASSERT_NO_FATAL_FAILURE(run_into("out", {"--embeddings", path("x.npy"),
                                           "--texts",      path("x.npy"),
                                           "--captions",   path("c.txt"),
                                           "--words",      path("w.txt"),
                                           "--latent",     "4",
                                           "--blocks",     "2",
                                           "--width",      "16",
                                           "--depth",      "1",
                                           "--edits",      "40",
                                           "--iin-epochs", "40",
                                           "--threads",    "1"}));
  const auto all = results("out");
  EXPECT_EQ(all["factors"], (Names{"animal"}));
  ASSERT_FALSE(all["edits_shown"].empty());
  for (const auto& edit : all["edits_shown"]) {
    EXPECT_NE(edit["from"], edit["to"]);
    EXPECT_NE(edit["image_after"], edit["image"]);
    EXPECT_TRUE(edit.contains("caption_after"));
  }
  EXPECT_FALSE(std::filesystem::exists(path("out/edits.png")));  // vectors are no pictures
}

}  // namespace
}  // namespace clipk::test
