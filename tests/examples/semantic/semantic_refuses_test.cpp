// Bad input of the semantic study: exit status, one line that says what was expected and what came,
// and no files. What looks bad and is not.
#include <limits>

#include "examples/semantic/semantic_files.hpp"

namespace clipk::test {
namespace {

class SemanticRefusesTest : public SemanticTest {
 protected:
  void expect_refused(int status, const std::string& message,
                      const std::vector<std::string>& more) const {
    expect_refused_run(status, message, with(toy(), more));
  }
  void expect_refused_captions(const std::string& message, const std::string& text) const {
    write_text("bad.txt", text);
    expect_refused(kData, path("bad.txt").string() + message, {"--captions", path("bad.txt")});
  }
};

TEST_F(SemanticRefusesTest, Options) {
  expect_refused(kUsage, "--show: expected a whole number from 2 to 24, got '1'", {"--show", "1"});
  expect_refused(kUsage, "--clusters: expected at least 2, or 0, got 1", {"--clusters", "1"});
  expect_refused(kData, "--clusters: expected at most 80, one per image, got 81",
                 {"--clusters", "81"});
  expect_refused(kData, "--rows: expected rows from 0 to 79, got 80", {"--rows", "3,80"});
  expect_refused(kUsage, "--folds: expected a whole number from 2 to 100, got '1'",
                 {"--folds", "1"});
  expect_refused(kUsage, "--components: expected each value once, got pca twice",
                 {"--components", "pca,pca"});
  expect_refused(kUsage, "--neighbours: expected a whole number from 1 to 120, got '121'",
                 {"--neighbours", "121"});
  expect_refused_run(kUsage, "expected --texts beside --images, got --images alone",
                     {"--images", path("images.npy")});
}

TEST_F(SemanticRefusesTest, Captions) {
  expect_refused_captions(": expected 80 captions, one for every row of", captions(79));
  expect_refused_captions(": expected 80 captions, one for every row of", captions(81));
  std::string holes = captions(kPairs);
  holes.insert(holes.find('\n') + 1, "   \n");
  expect_refused_captions(": expected a caption on line 2, got a line of blanks", holes);
  std::string latin = captions(kPairs);
  latin.insert(3, "caf\xE9");
  expect_refused_captions(": expected UTF-8 on line 1, got byte 0xE9", latin);
  expect_refused_captions(": expected", "");
}

TEST_F(SemanticRefusesTest, Vectors) {
  Matrix<float> wide(kPairs, kDim + 1);
  for (float& value : wide.flat()) value = 1;
  write_npy(path("bad.npy"), wide);
  expect_refused(kData, "bad.npy: expected rows of 12 values as " + path("images.npy").string(),
                 {"--texts", path("bad.npy")});
  Matrix<float> rows = vectors(kPairs, 1);
  rows(7, 3) = std::numeric_limits<float>::quiet_NaN();
  write_npy(path("bad.npy"), rows);
  expect_refused(kData, "bad.npy", {"--texts", path("bad.npy")});
  for (std::int64_t j = 0; j < kDim; ++j) rows(7, j) = 0;
  write_npy(path("bad.npy"), rows);
  expect_refused(kData, "bad.npy", {"--texts", path("bad.npy")});
}

TEST_F(SemanticRefusesTest, Labels) {
  write_npy(path("bad.npy"), labels(kPairs - 1));
  expect_refused(kData, "bad.npy: expected 80 rows, one for every image, got 79",
                 {"--labels", path("bad.npy")});
  write_npy(path("prompts.npy"), vectors(4, 1));
  write_npy(path("bad.npy"), std::vector<std::int32_t>{0, 1, 2, 9});
  expect_refused(kData, "bad.npy: expected labels that images have, got 9",
                 {"--prompts", path("prompts.npy"), "--prompt-labels", path("bad.npy")});
  write_npy(path("bad.npy"), std::vector<std::int32_t>{0, 1, 2});
  expect_refused(kData, "bad.npy: expected 4 labels, one for every prompt, got 3",
                 {"--prompts", path("prompts.npy"), "--prompt-labels", path("bad.npy")});
}

TEST_F(SemanticRefusesTest, NotDuplicatesAndFewRows) {
  Matrix<float> rows = vectors(kPairs, 1);
  for (std::int64_t j = 0; j < kDim; ++j) rows(9, j) = rows(4, j);
  write_npy(path("fine.npy"), rows);
  const ProgramResult result =
      run(with(toy(), {"--texts", path("fine.npy"), "--out", path("out")}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_HAS(result.out, "1 of 80 rows equal an earlier one (row 9 is row 4)");
  ASSERT_NO_FATAL_FAILURE(run_into("many", with(toy(), {"--neighbours", "79"})));
  EXPECT_FALSE(results("many").contains("hubs"));
  for (const std::int64_t few : {3, 12}) {
    write_npy(path("few_images.npy"), vectors(few, 0));
    write_npy(path("few_texts.npy"), vectors(few, 1));
    ASSERT_NO_FATAL_FAILURE(run_into("few", {"--images", path("few_images.npy"), "--texts",
                                             path("few_texts.npy"), "--threads", "1"}));
    EXPECT_TRUE(results("few")["gap"]["distance"]["low"].is_null());
  }
}

}  // namespace
}  // namespace clipk::test
