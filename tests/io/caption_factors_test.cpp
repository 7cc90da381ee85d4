#include "clipk/io/caption_factors.hpp"

#include "io/files.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

class CaptionFactorsTest : public FileTest {
 protected:
  std::vector<FactorWords> words(const std::string& text) {
    std::ofstream(path("w.txt"), std::ios::binary) << text;
    return read_factor_words(path("w.txt"));
  }
  void expect_refused(const std::string& text, const std::string& message) {
    EXPECT_EQ(error_of([&] { words(text); }), path("w.txt").string() + ": " + message);
  }
};

TEST_F(CaptionFactorsTest, FindsTheClassOfACaption) {
  const auto factors = caption_factors(
      {"A Cat, asleep.", "two dogs and a ball", "a cat beside a dog", "catalogue", "Buses in a row",
       "a sofa in the living-room"},
      words("# of pictures\n\nanimal: cat|kitten, dog\r\nthing: bus , living room|sofa, ball\n"));
  ASSERT_EQ(factors.size(), 2U);
  EXPECT_EQ(factors[0].name, "animal");
  EXPECT_EQ(factors[0].class_names, (std::vector<std::string>{"cat", "dog"}));
  // Words of two classes leave it open; part of a word is no word.
  EXPECT_EQ(factors[0].classes, (std::vector<std::int32_t>{0, 1, -1, -1, -1, -1}));
  EXPECT_EQ(factors[1].class_names, (std::vector<std::string>{"bus", "living room", "ball"}));
  EXPECT_EQ(factors[1].classes, (std::vector<std::int32_t>{-1, 2, -1, -1, 0, 1}));
}

TEST_F(CaptionFactorsTest, RefusesWordsThatDecideNothing) {
  expect_refused("", "expected a text file with at least 1 line, got an empty one");
  expect_refused("# a\n", "expected at least 1 factor, got none");
  expect_refused("\nanimal\n", "expected 'factor: class, class' on line 2, got 'animal'");
  expect_refused(": a, b\n", "expected a factor's name before the colon on line 1, got none");
  expect_refused("a: b\n", "expected at least 2 classes on line 1, got 1");
  expect_refused("a: b, c\na: d, e\n", "expected each factor once on line 2, got a again");
  expect_refused("a: b, c|\n", "expected a word between commas and bars on line 1, got ''");
  expect_refused("a: b, c|B\n", "expected each word once on line 1, got 'B' again");
}

TEST_F(CaptionFactorsTest, ReadsLines) {
  std::ofstream(path("l.txt"), std::ios::binary) << "a\r\n\nb\n";
  EXPECT_EQ(read_lines(path("l.txt")), (std::vector<std::string>{"a", "", "b"}));
  std::ofstream(path("l.txt"), std::ios::binary) << "\xEF\xBB\xBF"
                                                 << "a\r\nb";
  EXPECT_EQ(read_lines(path("l.txt")), (std::vector<std::string>{"a", "b"}));
  std::ofstream(path("l.txt"), std::ios::binary) << "a\ncaf\xE9\n";
  EXPECT_EQ(error_of([&] { read_lines(path("l.txt")); }),
            path("l.txt").string() +
                ": expected UTF-8 on line 2, got byte 0xE9 at its byte 4 (iconv -f WINDOWS-1252 -t "
                "UTF-8 converts Latin text)");
  std::ofstream(path("w.txt"), std::ios::binary) << "animal: cat, caf\xE9\n";
  EXPECT_HAS(error_of([&] { read_factor_words(path("w.txt")); }), "expected UTF-8 on line 1");
}

}  // namespace
}  // namespace clipk::test
