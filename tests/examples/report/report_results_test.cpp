// report, run as its users do, on small pairs.
#include <numeric>

#include "examples/report/report_files.hpp"
#include "examples/study/pair_rows.hpp"

namespace clipk::test {
namespace {

class ReportResultsTest : public ReportTest {};

TEST_F(ReportResultsTest, ThePageHoldsAllAndFetchesNothing) {
  run_quick("out", all());
  const std::string html = page("out");
  for (const char* section : {"dimension", "clusters", "factors", "meaning", "made"}) {
    EXPECT_EQ(count(html, std::string("<section id=\"") + section + "\""), 1u) << section;
  }
  EXPECT_HAS(html, "name=\"viewport\"");
  EXPECT_GE(count(html, "<img "), 5u);
  EXPECT_EQ(count(html, "<img "), count(html, "src=\"data:image/png;base64,iVBOR"));
  EXPECT_EQ(count(html, "src="), count(html, "<img "));
  EXPECT_EQ(count(html, "alt=\""), count(html, "<img "));
  EXPECT_EQ(count(html, "alt=\"\""), 0u);
  EXPECT_EQ(count(html, "http://") + count(html, "https://") + count(html, "url("), 0u);
  // Links within the page alone.
  EXPECT_EQ(count(html, "href=\"#"), 4u);
  EXPECT_EQ(count(html, "href="), 5u);  // and the icon, which is empty
  EXPECT_EQ(count(html, "SHA-256"), 1u);
  EXPECT_EQ(count(html, ">nan"), 0u);
}

TEST_F(ReportResultsTest, CaptionsAreTextAndNeverHtml) {
  run_quick("out", all());
  const std::string html = page("out");
  EXPECT_GT(count(html, "&lt;script&gt;alert("), 0u);
  EXPECT_EQ(count(html, "<script"), 0u);
  EXPECT_EQ(count(html, "<b>"), 0u);
  EXPECT_GT(count(html, "&quot;class "), 0u);
}

TEST_F(ReportResultsTest, EveryStudyHasItsFolderAndTheFigures) {
  run_quick("out", all());
  EXPECT_EQ(names("out"),
            (std::vector<std::string>{"clusters", "dimension", "factors", "index.html", "meaning",
                                      "results.csv", "results.json"}));
  for (const char* study : {"dimension", "clusters", "factors", "meaning"}) {
    const auto part = results(std::string("out/") + study);
    EXPECT_EQ(part["manifest"]["inputs"].size(), 4u) << study;
    EXPECT_EQ(part["manifest"]["program"], "report");
  }
  const auto all_studies = results("out")["rows"];
  ASSERT_EQ(all_studies.size(), 4u);
  EXPECT_EQ(all_studies[0]["study"], "dimension");
  EXPECT_EQ(results("out/clusters")["k"], kClasses);
}

// A gnuplot that draws nothing once the work has begun.
TEST_F(ReportResultsTest, PicturesThatFailLeaveAllElse) {
  write_bytes(path("gnuplot"),
              "#!/bin/sh\nscript=$(cat)\ncase $script in *multiplot*) echo no >&2; exit 1;; esac\n"
              "echo \"$script\" | PATH=/usr/bin:/bin exec gnuplot -d\n");
  std::filesystem::permissions(path("gnuplot"), std::filesystem::perms::owner_all);
  std::vector<std::string> arguments = all();
  arguments.insert(arguments.end(), {"--out", path("out"), "--quick"});
  const ProgramResult result =
      run(arguments, {.environment = {{"PATH", path("").string() + ":/usr/bin:/bin"}}});
  EXPECT_EQ(result.status, 3) << result.err;
  EXPECT_HAS(result.err, "left out: clusters, tsne.png: expected a picture from gnuplot");
  const std::string html = page("out");
  EXPECT_EQ(count(html, "<img "), 0u);
  EXPECT_EQ(count(html, "<section "), 5u);
  const auto all_results = results("out");
  std::vector<std::string> failed;
  for (const auto& failure : all_results["failed"]) failed.push_back(failure["what"]);
  for (const char* picture :
       {"dimension, quality.png", "clusters, tsne.png", "clusters, confusion.png",
        "factors, leakage.png", "meaning, similarity.png", "meaning, correlation.png"}) {
    EXPECT_TRUE(std::count(failed.begin(), failed.end(), picture)) << picture;
  }
  for (const char* study : {"dimension", "clusters", "factors", "meaning"}) {
    EXPECT_FALSE(results(std::string("out/") + study)["failed"].empty()) << study;
  }
  EXPECT_TRUE(std::filesystem::exists(path("out/clusters/tsne.npy")));
}

TEST_F(ReportResultsTest, AStudyThatFailsLeavesTheOthersAndNoFolderOfItsOwn) {
  std::filesystem::create_directories(path("out/dimension/quality.png"));
  std::vector<std::string> arguments = pairs();
  arguments.insert(arguments.end(), {"--out", path("out"), "--quick"});
  const ProgramResult result = run(arguments);
  EXPECT_EQ(result.status, 3) << result.err;
  EXPECT_HAS(result.err, "left out: dimension: " + path("out/dimension/quality.png").string() +
                             ": expected a place for a file, got a directory");
  EXPECT_FALSE(std::filesystem::exists(path("out/dimension/results.json")));
  EXPECT_TRUE(std::filesystem::exists(path("out/meaning/results.json")));
  EXPECT_EQ(results("out")["failed"][0]["what"], "dimension");
  EXPECT_HAS(page("out"), "Left out: the study failed");
}

TEST_F(ReportResultsTest, OtherFilesOfTheFolderStay) {
  std::filesystem::create_directories(path("out/dimension"));
  std::ofstream(path("out/thesis.tex")) << "mine";
  std::ofstream(path("out/dimension/notes.txt")) << "mine too";
  std::ofstream(path("out/index.html")) << "an older page";
  run_quick("out", pairs());
  EXPECT_EQ(read_bytes(path("out/thesis.tex")), "mine");
  EXPECT_EQ(read_bytes(path("out/dimension/notes.txt")), "mine too");
  EXPECT_HAS(page("out"), "<!DOCTYPE html>");
}

TEST_F(ReportResultsTest, OneAndTwoThreadsGiveTheSameBytes) {
  run_quick("one", all());
  run_quick("two", with(all(), {"--threads", "2"}));
  EXPECT_EQ(page("one"), page("two"));
  for (const char* study : {"dimension", "clusters", "factors", "meaning"}) {
    expect_same_run(std::string("one/") + study, std::string("two/") + study);
  }
}

TEST_F(ReportResultsTest, ACheckpointGivesTheSamePage) {
  run_quick("plain", all());
  const auto saved = with(all(), {"--checkpoint", path("saved")});
  run_quick("first", saved);
  EXPECT_TRUE(std::filesystem::exists(path("saved.dimension")));
  run_quick("again", saved);
  EXPECT_EQ(page("plain"), page("first"));
  EXPECT_EQ(page("first"), page("again"));
}

TEST_F(ReportResultsTest, WithoutCaptionsOrLabelsThePageSaysSo) {
  run_quick("out", pairs());
  const std::string html = page("out");
  EXPECT_HAS(html, "Without captions");
  EXPECT_HAS(html, "clusters of the texts");
  EXPECT_EQ(count(html, "The labels have"), 0u);
}

TEST_F(ReportResultsTest, RareClassesAreLeftOutOfAllSections) {
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < kPairs; ++i) {
    labels.push_back(static_cast<std::int32_t>(i < 3 ? 9 : i % kClasses));
  }
  write_npy(path("y.npy"), labels);
  run_quick("out", all());
  const std::string html = page("out");
  EXPECT_HAS(html, "label: left out a class of fewer than 5 rows: 9 (3).");
  EXPECT_HAS(html, "The labels have 4 classes");
  EXPECT_HAS(html, "predicts the 4 classes of the labels");
  // Labels of one class are as none.
  write_npy(path("y.npy"), std::vector<std::int32_t>(kPairs, 3));
  run_quick("one", all());
  EXPECT_HAS(page("one"), "fewer than two classes of 5 rows are left");
  EXPECT_EQ(count(page("one"), "The labels have"), 0u);
}

TEST_F(ReportResultsTest, PairsThatDoNotMatchHaveNoSafeDimension) {
  const Matrix<float> texts = read_npy_matrix<float>(path("t.npy"));
  write_npy(path("t.npy"), select_rows(texts, Random(3).permutation(kPairs)));
  run_quick("out", pairs());
  EXPECT_HAS(page("out"), "The pairs are not shown to match");
  EXPECT_HAS(page("out"), "cannot be told from these");
  EXPECT_HAS(page("out"), "pairs are not shown to match.");
}

TEST_F(ReportResultsTest, RepeatedImagesAreNoted) {
  write_npy(path("i.npy"),
            select_rows(read_npy_matrix<float>(path("i.npy")), each_row(kPairs / 5, 5)));
  run_quick("out", pairs());
  EXPECT_HAS(page("out"), "The images: 128 of 160 rows equal an earlier one");
  EXPECT_HAS(page("out"),
             "5 texts per image? Keep one of each, or each image once with --pairs-index.");
}

TEST_F(ReportResultsTest, ImagesOfSeveralTextsOrNone) {
  // Two texts an image, none of the last, and one text of no image.
  const std::vector<std::int64_t> rows = each_row(kPairs, 2);
  write_npy(path("m.npy"), select_rows(read_npy_matrix<float>(path("t.npy")), rows));
  std::vector<std::int32_t> index(rows.begin(), rows.end());
  index[0] = index[318] = index[319] = -1;
  write_npy(path("x.npy"), index);
  std::ofstream captions(path("m.txt"));
  for (std::size_t t = 0; t < rows.size(); ++t) captions << "text number " << t << "\n";
  captions.close();
  const std::vector<std::string> several{"--texts",     path("m.npy"),   "--captions",
                                         path("m.txt"), "--pairs-index", path("x.npy")};
  run_quick("out", with(pairs(), several));  // without labels: topics are those of the texts
  const std::string html = page("out");
  EXPECT_HAS(html,
             "160 images (1 without a text) and 320 texts (3 without an image), as vectors of 16");
  EXPECT_HAS(html, "of the images find one of their own texts first among all texts");
  EXPECT_HAS(html, "text number ");
  EXPECT_EQ(count(html, "the study failed"), 0u);
  EXPECT_EQ(results("out/meaning")["pairs_index"]["texts_with_image"], 317);
  EXPECT_EQ(results("out/dimension")["pairs_index"]["images_with_text"], 159);
  EXPECT_TRUE(results("out/factors").contains("factors"));
  expect_refused_run(kData, "expected 320 captions, one for every row of the texts, got 160",
                     with(with(pairs(), several), {"--captions", path("c.txt")}));
  index.assign(320, -1);
  std::iota(index.begin(), index.begin() + 9, 0);
  write_npy(path("x.npy"), index);
  expect_refused_run(kData, "expected at least 10 images that have a text for a report, got 9",
                     with(pairs(), several));
}

TEST_F(ReportResultsTest, ClustersAreThoseOfTheSemanticStudy) {
  run_quick("out", pairs());
  const auto k = nlohmann::ordered_json::parse(read_bytes(path("out/clusters/results.json")))["k"];
  const auto meaning = nlohmann::ordered_json::parse(read_bytes(path("out/meaning/results.json")));
  EXPECT_EQ(k, meaning["clusters"].size());
}

TEST_F(ReportResultsTest, TenPairsAreAPageWithPartsLeftOut) {
  write_pairs("few_", 10);
  run_quick("out", pairs("few_"));
  const std::string html = page("out");
  EXPECT_HAS(html, "There are only 10 pairs");
  EXPECT_HAS(html, "cannot be ruled out, whatever they show");
  EXPECT_HAS(html, "Left out: clusters need at least 20 different images, got 10.");
  EXPECT_HAS(html, "Left out: this needs at least 40 pairs, got 10.");
}

}  // namespace
}  // namespace clipk::test
