// What the semantic study finds and leaves behind: on planted pairs, and on real CLIP pairs.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "examples/semantic/semantic_files.hpp"
#include "examples/study/pair_rows.hpp"
#include "support/golden_folder.hpp"

namespace clipk::test {
namespace {

using SemanticStudyTest = SemanticTest;
using Names = std::vector<std::string>;
using Json = nlohmann::ordered_json;

void expect_interval(const Json& interval) {
  EXPECT_LE(interval["low"].get<double>(), interval["estimate"].get<double>()) << interval;
  EXPECT_GE(interval["high"].get<double>(), interval["estimate"].get<double>()) << interval;
  EXPECT_LT(interval["low"].get<double>(), interval["high"].get<double>()) << interval;
}

TEST_F(SemanticStudyTest, LeavesEverything) {
  ASSERT_NO_FATAL_FAILURE(run_into("out", toy()));
  EXPECT_EQ(names("out"), (Names{"cluster_labels.npy", "correlation.png", "results.csv",
                                 "results.json", "similarity.png"}));
  const Json all = results("out");
  for (const char* key : {"distance", "paired_cosine", "other_cosine"}) {
    expect_interval(all["gap"][key]);
  }
  expect_interval(all["hubs"]["image_to_text_skew"]);
  expect_interval(all["hubs"]["text_to_image_skew"]);
  EXPECT_GT(all["gap"]["paired_cosine"]["estimate"], all["gap"]["other_cosine"]["estimate"]);
  for (const char* method : {"cosine", "csls", "csls_bank", "sinkhorn", "sinkhorn_bank"}) {
    for (const char* way : {"image_to_text", "text_to_image"}) {
      const Json& scores = all["retrieval"][method][way];
      EXPECT_LE(scores["top1"]["low"].get<double>(), scores["top1"]["estimate"].get<double>())
          << method;
      EXPECT_EQ(scores.contains("change"), std::string(method) != "cosine");
    }
  }
  ASSERT_EQ(all["rows"].size(), 4u);
  for (const auto& row : all["rows"]) {
    // The best image is that of all images: none in the table is better.
    const double best = row["best_cosine"];
    const std::string best_key = "image_" + std::to_string(row["best_image"].get<std::int64_t>());
    if (row.contains(best_key)) {
      EXPECT_NEAR(row[best_key].get<double>(), best, 1e-6);
    }
    for (const auto& [key, value] : row.items()) {
      if (key.rfind("image_", 0) == 0) {
        EXPECT_LE(value.get<double>(), best + 1e-6) << key;
      }
    }
  }
}

TEST_F(SemanticStudyTest, CaptionsThatAreFormatsToGnuplot) {
  std::string captions;
  for (std::int64_t i = 0; i < kPairs; ++i) {
    captions += (i % 2 == 0 ? "100% cotton shirt " : "'50% of' \\n ") + std::to_string(i) + " %\n";
  }
  write_text("percent.txt", captions);
  write_text("percent_names.txt", "0% worn\n50%\n%s\n100%\n");
  ASSERT_NO_FATAL_FAILURE(
      run_into("out", with(toy(), {"--captions", path("percent.txt"), "--label-names",
                                   path("percent_names.txt")})));
  for (const char* picture : {"similarity.png", "correlation.png"}) {
    EXPECT_EQ(read_bytes(path("out") / picture).substr(0, 4), "\x89PNG") << picture;
  }
}

TEST_F(SemanticStudyTest, FindsWhatWasPlanted) {
  ASSERT_NO_FATAL_FAILURE(run_into("out", with(toy(), {"--clusters", "4"})));
  const Json all = results("out");
  // Each of the first coordinates is a theme's own; the label says so, with an interval.
  const Json& space = all["spaces"]["coordinates"];
  int labels = 0;
  for (const auto& a : space["strongest"]) {
    if (a["kind"] != "label") continue;
    ++labels;
    EXPECT_GT(a["r"].get<double>(), .7) << a;
    EXPECT_LT(a["q"].get<double>(), 1e-6) << a;
    EXPECT_LT(a["low"].get<double>(), a["r"].get<double>());
    EXPECT_LT(a["component"].get<std::int64_t>(), kThemes);
  }
  EXPECT_EQ(labels, kThemes);
  EXPECT_GT(space["with_labels_significant"], 0);
  EXPECT_LT(space["with_labels_significant"], space["with_labels"]);
  // Clusters are named by captions of their own theme.
  const std::vector<std::int32_t> found =
      read_npy_vector<std::int32_t>(path("out/cluster_labels.npy"));
  ASSERT_EQ(all["clusters"].size(), 4u);
  for (std::size_t c = 0; c < 4; ++c) {
    const Json& cluster = all["clusters"][c];
    EXPECT_EQ(cluster["size"], 20);
    // Up to .1 of 9999 permutations; of 99 it moves by .03.
    EXPECT_LE(cluster["p"].get<double>(), .2);
    EXPECT_GT(cluster["margin"], 0);
    const std::string name = cluster["names"][0];
    const std::int64_t text = std::stoll(name.substr(name.rfind(' ') + 1));
    EXPECT_EQ(found[static_cast<std::size_t>(text)], static_cast<std::int32_t>(c)) << name;
  }
  const Json& classes = all["classes"];
  EXPECT_EQ(classes["rows"], kPairs - 3);
  EXPECT_GT(classes["probe"]["estimate"], .9);
  EXPECT_GT(classes["texts"]["estimate"], .9);
}

TEST_F(SemanticStudyTest, SameBytesForAnyThreads) {
  ASSERT_NO_FATAL_FAILURE(run_into("one", toy()));
  ASSERT_NO_FATAL_FAILURE(run_into("two", with(toy(), {"--threads", "2"})));
  expect_same_run("one", "two");
}

TEST_F(SemanticStudyTest, TakesTextsThatAreNoPartners) {
  write_npy(path("bank.npy"), vectors(7, 1));
  write_text("seven.txt", captions(7));
  auto arguments = with(toy(), {"--texts", path("bank.npy"), "--captions", path("seven.txt")});
  ASSERT_NO_FATAL_FAILURE(run_into("out", arguments));
  const Json all = results("out");
  EXPECT_FALSE(all.contains("gap"));
  EXPECT_FALSE(all.contains("retrieval"));
  EXPECT_FALSE(all["classes"].contains("texts"));
  EXPECT_EQ(all["spaces"]["pca"]["features"], 7 + kThemes);
  // Prompts for the classes.
  write_npy(path("prompts.npy"), vectors(8, 1));
  write_npy(path("speak.npy"), std::vector<std::int32_t>{0, 1, 2, 3, 0, 1, 2, 3});
  ASSERT_NO_FATAL_FAILURE(run_into(
      "zero",
      with(arguments, {"--prompts", path("prompts.npy"), "--prompt-labels", path("speak.npy")})));
  EXPECT_GT(results("zero")["classes"]["prompts"]["estimate"], .9);
}

TEST_F(SemanticStudyTest, TakesAttributesAndComponents) {
  std::ofstream table(path("a.csv"));
  table << "brightness,theme\n";
  const Matrix<float> rows = vectors(kPairs, 0);
  for (std::int64_t i = 0; i < kPairs; ++i) {
    table << rows(i, 5) << ',' << (i % 2 == 0 ? "inside" : "outside") << '\n';
  }
  table.close();
  write_npy(path("codes.npy"), rows);
  std::vector<std::string> arguments{"--images",
                                     path("images.npy"),
                                     "--texts",
                                     path("texts.npy"),
                                     "--attributes",
                                     path("a.csv"),
                                     "--components",
                                     "mds," + path("codes.npy").string(),
                                     "--count",
                                     "4",
                                     "--quick",
                                     "--show",
                                     "3",
                                     "--threads",
                                     "1"};
  arguments.erase(std::find(arguments.begin(), arguments.end(), "--quick"));
  ASSERT_NO_FATAL_FAILURE(run_into("out", with(arguments, {"--clusters", "3"})));
  const Json all = results("out");
  EXPECT_EQ(all["spaces"]["mds"]["components"], 4);
  const Json& codes = all["spaces"]["codes"];
  EXPECT_EQ(codes["strongest"][0]["feature"], "brightness");
  EXPECT_EQ(codes["strongest"][0]["component"], 5);
  EXPECT_NEAR(codes["strongest"][0]["r"], 1, 1e-6);

  // The same by tabs, with gaps and a column that says nothing.
  std::ofstream gaps(path("a.tsv"));
  gaps << "brightness\ttheme\tsplit\n";
  for (std::int64_t i = 0; i < kPairs; ++i) {
    gaps << (i % 9 == 0 ? "NA" : std::to_string(rows(i, 5))) << '\t'
         << (i % 2 == 0 ? "inside" : "outside") << "\ttest\n";
  }
  gaps.close();
  const ProgramResult result = run(
      with(arguments, {"--clusters", "3", "--attributes", path("a.tsv"), "--out", path("gaps")}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_HAS(result.out, "a.tsv: values that are missing: brightness in 9 of 80 rows");
  EXPECT_HAS(result.out,
             "a.tsv: left out, as they tell no rows apart: split ('test' in every row)");
  const Json strongest = results("gaps")["spaces"]["codes"]["strongest"][0];
  EXPECT_EQ(strongest["feature"], "brightness");
  EXPECT_EQ(strongest["component"], 5);
  EXPECT_NEAR(strongest["r"], 1, 1e-6);
}

double cosine(const Matrix<float>& a, std::int64_t i, const Matrix<float>& b, std::int64_t j) {
  double dot = 0, aa = 0, bb = 0;
  for (std::int64_t c = 0; c < a.cols(); ++c) {
    dot += double{a(i, c)} * b(j, c);
    aa += double{a(i, c)} * a(i, c);
    bb += double{b(j, c)} * b(j, c);
  }
  return dot / std::sqrt(aa * bb);
}

TEST_F(SemanticStudyTest, AStarMarksTheBestOfAllImages) {
  const Matrix<float> images = vectors(kPairs, 0), texts = vectors(kPairs, 1);
  const ProgramResult result = run(with(toy(), {"--rows", "4,5,9,14", "--out", path("out")}));
  ASSERT_EQ(result.status, 0) << result.err;
  std::ptrdiff_t shown = 0;
  const Json all = results("out");
  for (const auto& row : all["rows"]) {
    const std::int64_t text = row["text"];
    std::int64_t best = 0;
    for (std::int64_t i = 1; i < kPairs; ++i) {
      if (cosine(texts, text, images, i) > cosine(texts, text, images, best)) best = i;
    }
    EXPECT_EQ(row["best_image"], best);
    EXPECT_NEAR(row["best_cosine"].get<double>(), cosine(texts, text, images, best), 1e-6);
    shown += row.contains("image_" + std::to_string(best));
  }
  EXPECT_LT(shown, 4);  // else the test would not tell
  EXPECT_HAS(result.out, "a text's best image of all 80, which the table shows for " +
                             std::to_string(shown) + " of these 4 texts");
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '*'), shown + 1);
}

TEST_F(SemanticStudyTest, EqualRowsStayInOneFold) {
  // Labels that nothing tells: a copy in another fold would.
  Random random(2);
  std::vector<std::int32_t> known;
  for (int i = 0; i < 40; ++i) known.push_back(static_cast<std::int32_t>(random.below(2)));
  std::vector<std::int32_t> labels;
  for (const std::int64_t row : each_row(40, 5)) {
    labels.push_back(known[static_cast<std::size_t>(row)]);
  }
  Matrix<float> noise(40, kDim);
  for (float& value : noise.flat()) value = static_cast<float>(random.normal());
  write_npy(path("i.npy"), select_rows(noise, each_row(40, 5)));
  write_npy(path("y.npy"), labels);
  const ProgramResult result =
      run({"--images", path("i.npy"), "--texts", path("i.npy"), "--labels", path("y.npy"),
           "--permutations", "9", "--threads", "1", "--out", path("out")});
  ASSERT_EQ(result.status, 0) << result.err;
  for (const char* way : {"probe", "texts"}) {
    const double share = results("out")["classes"][way]["estimate"];
    EXPECT_LT(share, .75) << way;
    EXPECT_GT(share, .25) << way;
  }
}

TEST_F(SemanticStudyTest, OneTextAClassLeavesNoClassOutOfTheFolds) {
  std::vector<std::int64_t> themes;
  for (std::int64_t i = 0; i < kPairs; ++i) themes.push_back(i % kThemes);
  write_npy(path("prompts.npy"), select_rows(vectors(kThemes, 1), themes));
  const ProgramResult result =
      run(with(toy(), {"--texts", path("prompts.npy"), "--out", path("out")}));
  ASSERT_EQ(result.status, 0) << result.err;
  const Json all = results("out");
  EXPECT_FALSE(all.contains("left_out")) << all["left_out"];
  EXPECT_GT(all["classes"]["probe"]["estimate"], .9);
  EXPECT_GT(all["classes"]["texts"]["estimate"], .5);
  EXPECT_TRUE(all["classes"]["texts_are_prompts"]);
  expect_interval(all["gap"]["distance"]);
  EXPECT_HAS(result.out,
             "the nearest class mean of texts is zero-shot classification by those texts");
  EXPECT_HAS(result.out, "One text for many images, as with prompts of classes");
  EXPECT_EQ(result.out.find("Keep one of each"), std::string::npos) << result.out;
}

TEST_F(SemanticStudyTest, ImagesOfAClassThatOneFoldHasAreNotCounted) {
  // All of the last theme are one image: no fold can learn it for another.
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < kPairs; ++i) rows.push_back(i % kThemes == 3 ? 3 : i);
  write_npy(path("few.npy"), select_rows(vectors(kPairs, 0), rows));
  ASSERT_NO_FATAL_FAILURE(run_into("out", with(toy(), {"--images", path("few.npy")})));
  Json all = results("out");
  EXPECT_GT(all["classes"]["probe"]["estimate"], .9);
  EXPECT_GT(all["classes"]["texts"]["estimate"], .9);
  EXPECT_HAS(all["left_out"].dump(),
             "logistic regression: expected equal rows to leave every class in two folds, got none "
             "of 1 classes ('road') for 20 of 77 images");
  // Two images in all: nothing can be told.
  for (std::int64_t i = 0; i < kPairs; ++i) rows[static_cast<std::size_t>(i)] = i % kThemes;
  write_npy(path("few.npy"), select_rows(vectors(kPairs, 0), rows));
  ASSERT_NO_FATAL_FAILURE(run_into("none", with(toy(), {"--images", path("few.npy")})));
  all = results("none");
  EXPECT_FALSE(all["classes"].contains("probe"));
  EXPECT_FALSE(all["classes"].contains("texts"));
  EXPECT_HAS(all["left_out"].dump(), "nearest class mean of texts: expected equal rows to leave");
}

TEST_F(SemanticStudyTest, PairsThatDoNotMatchOrAreRepeatedAreNoted) {
  std::vector<std::int64_t> order(kPairs);
  std::iota(order.begin(), order.end(), 0);
  std::rotate(order.begin(), order.begin() + 1, order.end());
  write_npy(path("shifted.npy"), select_rows(vectors(kPairs, 1), order));
  const auto run_with = [&](const std::string& images, const std::string& texts) {
    const ProgramResult result =
        run({"--images", path(images), "--texts", path(texts), "--permutations", "9", "--threads",
             "1", "--out", path("out")});
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  };
  const std::string match = run_with("images.npy", "texts.npy");
  EXPECT_EQ(match.find("Note:"), std::string::npos) << match;
  EXPECT_TRUE(results("out")["match"]["shown"]);
  EXPECT_HAS(run_with("images.npy", "shifted.npy"), "The pairs are not shown to match");
  EXPECT_FALSE(results("out")["match"]["shown"]);
  write_npy(path("five.npy"), select_rows(vectors(16, 0), each_row(16, 5)));
  EXPECT_HAS(
      run_with("five.npy", "texts.npy"),
      "64 of 80 rows equal an earlier one (row 1 is row 0); a query finds the first of equal "
      "rows, so the others count as missed. 5 texts per image? Keep one of each, or each "
      "image once with --pairs-index, or take --unpaired");
  write_npy(path("sixteen.npy"), vectors(16, 0));
  EXPECT_HAS(run_with("sixteen.npy", "texts.npy"),
             "texts.npy: 80 rows for the 16 of " + path("sixteen.npy").string() +
                 ": 5 texts per image? They are taken as unpaired");
}

TEST_F(SemanticStudyTest, FewImagesGetWhatTheyAreEnoughFor) {
  for (const std::int64_t n : {1, 2}) {
    write_npy(path("few.npy"), vectors(n, 0));
    write_npy(path("three.npy"), vectors(3, 1));
    const ProgramResult result = run({"--images", path("few.npy"), "--texts", path("three.npy"),
                                      "--threads", "1", "--out", path("out")});
    ASSERT_EQ(result.status, 0) << result.err;
    EXPECT_HAS(result.out,
               "Left out, correlations: expected at least 3 images, got " + std::to_string(n));
    EXPECT_FALSE(results("out")["rows"].empty());
    EXPECT_EQ(results("out")["left_out"].size(), 2u);
    EXPECT_FALSE(results("out").contains("spaces"));
  }
  // Zero-shot of two images.
  write_npy(path("y.npy"), std::vector<std::int32_t>{0, 1});
  write_npy(path("prompts.npy"), vectors(2, 1));
  ASSERT_NO_FATAL_FAILURE(run_into(
      "zero", {"--images", path("few.npy"), "--texts", path("three.npy"), "--labels", path("y.npy"),
               "--prompts", path("prompts.npy"), "--prompt-labels", path("y.npy")}));
  EXPECT_EQ(results("zero")["classes"]["prompts"]["estimate"], 1);
  EXPECT_FALSE(results("zero")["classes"].contains("probe"));
}

TEST_F(SemanticStudyTest, RareClassesAreNamed) {
  std::vector<std::int32_t> rare(kPairs, 0);
  for (std::int32_t c = 1; c <= 5; ++c) rare[static_cast<std::size_t>(74 + c)] = c;
  write_npy(path("rare.npy"), rare);
  const std::vector<std::string> arguments{
      "--images",       path("images.npy"), "--texts", path("texts.npy"), "--labels",
      path("rare.npy"), "--permutations",   "9",       "--threads",       "1",
      "--out",          path("out")};
  ProgramResult result = run(arguments);
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_HAS(result.out,
             "Note: label: left out 5 classes of fewer than 5 rows: 1 (1), 2 (1), 3 (1), 4 (1), 5 "
             "(1); fewer than two classes of 5 rows are left, so it is not studied");
  EXPECT_FALSE(results("out").contains("classes"));
  EXPECT_EQ(results("out")["rare_classes"][0]["classes"].size(), 5u);
  for (std::size_t i = 0; i < 40; ++i) rare[i] = 6;
  write_npy(path("rare.npy"), rare);
  result = run(arguments);
  EXPECT_HAS(result.out, "Note: label: left out 5 classes of fewer than 5 rows");
  EXPECT_EQ(results("out")["classes"]["classes"], 2);
  EXPECT_EQ(results("out")["classes"]["rows"], 75);
  // One class alone is a note.
  write_npy(path("rare.npy"), std::vector<std::int32_t>(kPairs, 3));
  EXPECT_HAS(run(arguments).out, "label has one class alone, so it tells nothing and is left out");
}

TEST_F(SemanticStudyTest, CocoHasThePublishedFigures) {
  const char* set = std::getenv("CLIPK_DATA");
  const std::filesystem::path data =
      set != nullptr && *set != '\0' ? set : golden_folder() / "../../data";
  if (!std::filesystem::exists(data / "coco500" / "image_embeddings.npy")) {
    GTEST_SKIP() << "no COCO-500 here: script/fetch-data brings them";
  }
  const ProgramResult result =
      run({"--permutations", "99", "--out", path("out")}, {.environment = {{"CLIPK_DATA", data}}});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json all = results("out");
  EXPECT_NEAR(all["gap"]["distance"]["estimate"], .851, .0005);
  EXPECT_NEAR(all["gap"]["paired_cosine"]["estimate"], .310, .0005);
  EXPECT_NEAR(all["gap"]["other_cosine"]["estimate"], .162, .0005);
  EXPECT_NEAR(all["hubs"]["image_to_text_skew"]["estimate"], 1.65, .005);
  EXPECT_NEAR(all["hubs"]["text_to_image_skew"]["estimate"], 2.36, .005);
  const auto top1 = [&](const char* method, const char* way) {
    return all["retrieval"][method][way]["top1"]["estimate"].get<double>();
  };
  EXPECT_NEAR(top1("cosine", "image_to_text"), .552, 1e-9);
  EXPECT_NEAR(top1("cosine", "text_to_image"), .506, 1e-9);
  EXPECT_NEAR(top1("csls", "image_to_text"), .620, 1e-9);
  EXPECT_NEAR(top1("csls", "text_to_image"), .590, 1e-9);
  EXPECT_NEAR(top1("sinkhorn", "image_to_text"), .642, 1e-9);
  EXPECT_NEAR(top1("sinkhorn", "text_to_image"), .632, 1e-9);
}

}  // namespace
}  // namespace clipk::test
