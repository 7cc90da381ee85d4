// What report refuses, before it has written anything.
#include "examples/report/report_files.hpp"

namespace clipk::test {
namespace {

class ReportRefusesTest : public ReportTest {
 protected:
  void write_text(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
  }
  static std::string lines(std::int64_t n, std::int64_t odd = -1, const std::string& what = "") {
    std::string text;
    for (std::int64_t i = 0; i < n; ++i) text += (i == odd ? what : "a caption") + "\n";
    return text;
  }
};

TEST_F(ReportRefusesTest, CaptionsOfAnotherCountEmptyOrNotUtf8) {
  write_text("c.txt", lines(159));
  expect_refused_run(kData, "expected 160 captions, one for every row of the texts, got 159",
                     with(pairs(), {"--captions", path("c.txt")}));
  write_text("c.txt", lines(160, 7, " "));
  expect_refused_run(kData, "line 8", with(pairs(), {"--captions", path("c.txt")}));
  write_text("c.txt", lines(160, 9, "caf\xE9"));
  expect_refused_run(kData, "line 10", with(pairs(), {"--captions", path("c.txt")}));
}

TEST_F(ReportRefusesTest, TextsOfAnotherWidthOrCount) {
  write_npy(path("t.npy"), Matrix<float>(kPairs, kDim - 1));
  expect_refused_run(kData, "16", pairs());
  write_npy(path("t.npy"), Matrix<float>(kPairs - 1, kDim));
  expect_refused_run(kData, "160", pairs());
}

TEST_F(ReportRefusesTest, LabelsOfAnotherCount) {
  write_npy(path("y.npy"), std::vector<std::int32_t>(kPairs + 1, 0));
  expect_refused_run(kData, "expected 160 labels, one for every pair, got 161",
                     with(pairs(), {"--labels", path("y.npy")}));
}

TEST_F(ReportRefusesTest, TooFewPairs) {
  write_pairs("few_", 9);
  expect_refused_run(kData, "expected at least 10 pairs for a report, got 9", pairs("few_"));
}

TEST_F(ReportRefusesTest, OptionsThatContradict) {
  expect_refused_run(kUsage, "--labels", with(pairs(), {"--label-names", path("c.txt")}));
  expect_refused_run(kUsage, "--texts", {"--images", path("i.npy")});
}

}  // namespace
}  // namespace clipk::test
