// What the semantic study finds and leaves behind: on planted pairs, and on real CLIP pairs.
#include <cmath>
#include <cstdlib>

#include "study/semantic_files.hpp"
#include "support/golden.hpp"

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
    // The best image of a row is the one with its largest cosine.
    const double best = row["image_" + std::to_string(row["best_image"].get<std::int64_t>())];
    for (const auto& [key, value] : row.items()) {
      if (key.rfind("image_", 0) == 0) {
        EXPECT_LE(value.get<double>(), best) << key;
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
