// Input that the factor study cannot use, end to end: one line that says what was expected and what
// came, and no file left behind.
#include "examples/factor/factor_files.hpp"

namespace clipk::test {
namespace {

class FactorRefusesTest : public FactorTest {
 protected:
  // The attributes, with this in place of a column.
  void refuse_attributes(const std::string& text, const std::string& message) {
    write_text("bad.csv", text);
    expect_refused_run(kData, message, with(toy(), {"--attributes", path("bad.csv")}));
  }
  static std::string column(const std::string& name, const std::string& most,
                            const std::string& last) {
    std::string text = name + "\n";
    for (std::int64_t i = 0; i + 1 < kRows; ++i) text += most + "\n";
    return text + last + "\n";
  }
};

TEST_F(FactorRefusesTest, AFactorOfOneValue) {
  const std::string reason = "bad.csv: expected a column that tells rows apart, got none: ";
  refuse_attributes(column("kind", "a", "a"), reason + "kind ('a' in every row)");
  refuse_attributes(column("size", "1.5", "1.5"), reason + "size ('1.5' in every row)");
  refuse_attributes(
      column("kind", "a", "b"),
      "expected a factor with two classes of at least 5 rows, or of values that differ, got none");
}

TEST_F(FactorRefusesTest, AttributesOfOtherRows) {
  write_attributes("short.csv", kRows - 1);
  expect_refused_run(kData, "short.csv: expected 160 rows, one for every row of ",
                     with(toy(), {"--attributes", path("short.csv")}));
}

TEST_F(FactorRefusesTest, AttributesThatAreNotFinite) {
  refuse_attributes(column("size", "1.5", "inf"),
                    "bad.csv: expected a finite number in column size on line 161, got 'inf'");
}

TEST_F(FactorRefusesTest, PicturesThatAreNotFinite) {
  Matrix<float> rows = pictures();
  rows(7, 3) = NAN;
  write_npy(path("nan.npy"), rows);
  expect_refused_run(kData, "nan.npy: expected finite values, got nan",
                     with(toy(), {"--images", path("nan.npy")}));
}

TEST_F(FactorRefusesTest, BlocksLargerThanTheLatent) {
  expect_refused_run(kUsage, "--block-sizes: expected at most --latent 4 columns together, got 5",
                     with(toy(), {"--block-sizes", "2,3"}));
  expect_refused_run(kUsage, "--block-sizes: expected 2 sizes, one per factor, got 1",
                     with(toy(), {"--block-sizes", "2"}));
}

TEST_F(FactorRefusesTest, ALatentOfOneColumn) {
  expect_refused_run(kUsage, "--latent: expected at least 2 columns, got 1",
                     with(toy(), {"--latent", "1"}));
  expect_refused_run(kData, "--latent: expected at most the 16 values of a row, got 17",
                     with(toy(), {"--latent", "17"}));
}

TEST_F(FactorRefusesTest, OptionsThatContradict) {
  expect_refused_run(kUsage, "expected --attributes beside --images, got --images alone",
                     {"--images", path("x.npy")});
  expect_refused_run(kUsage, "expected --images or --embeddings beside --attributes, got neither",
                     {"--attributes", path("a.csv")});
  expect_refused_run(kUsage, "--image-shape: expected HxW or HxWx3, as 28x28, got 4x",
                     with(toy(), {"--image-shape", "4x"}));
  expect_refused_run(kData, "--image-shape 5x4: expected images of 20 values, got 16",
                     with(toy(), {"--image-shape", "5x4"}));
  expect_refused_run(kUsage, "beside --embeddings, got neither", {"--embeddings", path("x.npy")});
}

TEST_F(FactorRefusesTest, MoreFactorsThanColumns) {
  std::string text = "a,b,c\n";
  for (std::int64_t i = 0; i < kRows; ++i) text += i % 2 == 0 ? "1,1,1\n" : "2,2,2\n";
  write_text("three.csv", text);
  expect_refused_run(kData, "--latent 2: expected a column for each of the 3 factors",
                     with(toy(), {"--attributes", path("three.csv"), "--latent", "2"}));
}

TEST_F(FactorRefusesTest, AFactorOfAReservedName) {
  std::string text = "residual\n";
  for (std::int64_t i = 0; i < kRows; ++i) text += i % 2 == 0 ? "a\n" : "b\n";
  refuse_attributes(text, "expected another name for the factor residual");
}

TEST_F(FactorRefusesTest, NumbersBelowZero) {
  expect_refused_run(kUsage, "--rho: expected a number from 0, or -1, got -0.5",
                     with(toy(), {"--rho", "-.5"}));
}

TEST_F(FactorRefusesTest, CaptionsOfOtherRows) {
  write_text("c.txt", "a cat\na dog\n");
  write_text("w.txt", "animal: cat, dog\n");
  expect_refused_run(
      kData, "c.txt: expected 160 rows, one for every row of ",
      {"--embeddings", path("x.npy"), "--captions", path("c.txt"), "--words", path("w.txt")});
}

TEST_F(FactorRefusesTest, CaptionsThatAreNotUtf8) {
  write_text("c.txt", "a cat\ntwo dogs \xFF\n");
  write_text("w.txt", "animal: cat, dog\n");
  expect_refused_run(
      kData, "c.txt: expected UTF-8 on line 2, got byte 0xFF at its byte 10",
      {"--embeddings", path("x.npy"), "--captions", path("c.txt"), "--words", path("w.txt")});
}

TEST_F(FactorRefusesTest, TooFewRowsToHoldAnyOut) {
  expect_refused_run(kData, "--holdout 0.001: expected at least 1 row held out, got 0 of 160",
                     with(toy(), {"--holdout", ".001"}));
}

}  // namespace
}  // namespace clipk::test
