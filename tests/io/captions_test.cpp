#include "clipk/io/captions.hpp"

#include <cmath>

#include "clipk/core/matrix.hpp"
#include "io/files.hpp"
#include "support/error_of.hpp"

namespace clipk {
namespace {

using test::error_of;
using test::write_bytes;
using Groups = std::vector<std::vector<std::int64_t>>;

class CaptionsTest : public test::FileTest {
 protected:
  std::vector<std::string> read(const std::string& bytes) const {
    write_bytes(path("c.txt"), bytes);
    return read_captions(path("c.txt"));
  }
  std::string reason(const std::string& bytes) const {
    const std::string message = error_of([&] { read(bytes); });
    EXPECT_EQ(message.rfind(path("c.txt").string() + ": expected ", 0), 0u) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
    return message;
  }
};

// A table that begins so is the HTML page of a failed download; captions may begin with anything.
TEST_F(CaptionsTest, MayBeHtml) {
  for (const char* first : {"<html lang=\"en\">", "<!DOCTYPE html>", "<?xml version=\"1.0\"?>",
                            "  <HTML> tags are not for design"}) {
    const std::vector<std::string> two{first, "a dog"};
    EXPECT_EQ(read(std::string(first) + "\na dog\n"), two);
    EXPECT_EQ(read("\xEF\xBB\xBF" + std::string(first) + "\na dog\n"), two);
    EXPECT_HAS(reason(std::string(first) + "\ncaf\xE9\n"),
               "expected UTF-8 on line 2, got byte 0xE9");
  }
}

TEST_F(CaptionsTest, OneALine) {
  const std::vector<std::string> three{"A cat.", " Zwei Hähne ", "<b>& \"猫\" 🐈</b>"};
  EXPECT_EQ(read("A cat.\n Zwei Hähne \n<b>& \"猫\" 🐈</b>\n"), three);
  EXPECT_EQ(read("\xEF\xBB\xBF"
                 "A cat.\r\n Zwei Hähne \r\n<b>& \"猫\" 🐈</b>"),
            three);
  // The first and last of every length.
  const std::string ends =
      "\x7F \xC2\x80 \xDF\xBF \xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 "
      "\xEF\xBF\xBF \xF0\x90\x80\x80 \xF4\x8F\xBF\xBF";
  EXPECT_EQ(read(ends), std::vector<std::string>{ends});
}

TEST_F(CaptionsTest, CountIsThatOfTheRows) {
  write_bytes(path("c.txt"), "a\nb\n");
  EXPECT_EQ(read_captions(path("c.txt"), 2, "t.npy").size(), 2u);
  EXPECT_EQ(error_of([&] { read_captions(path("c.txt"), 3, "t.npy"); }),
            path("c.txt").string() + ": expected 3 captions, one for every row of t.npy, got 2");
}

TEST_F(CaptionsTest, RefusesWhatIsNoCaption) {
  EXPECT_HAS(reason(""), "expected a text file with at least 1 line, got an empty one");
  EXPECT_HAS(reason("\n"), "expected a caption on line 1, got an empty line");
  EXPECT_HAS(reason("a\n\nc\n"), "expected a caption on line 2, got an empty line");
  EXPECT_HAS(reason("a\nb\n \t\r\n"), "expected a caption on line 3, got a line of blanks");
  EXPECT_HAS(reason("a\n\u00A0\u2009\u3000\n"),
             "expected a caption on line 2, got a line of blanks");
  EXPECT_HAS(reason("a\nb\n\n"), "expected a caption on line 3, got an empty line");
  EXPECT_HAS(reason(std::string("a\nb\0c\n", 6)), "expected text on line 2, got a NUL byte");
  EXPECT_HAS(error_of([&] { read_captions(path("none.txt")); }), "No such file");
}

TEST_F(CaptionsTest, RefusesWhatIsNotUtf8) {
  EXPECT_HAS(reason("a\nna\xEFve\n"), "expected UTF-8 on line 2, got byte 0xEF at its byte 3");
  EXPECT_HAS(reason("\xFF\xFE"
                    "a"),
             "expected UTF-8, got UTF-16 (iconv -f UTF-16 -t UTF-8 converts it)");
  EXPECT_HAS(reason(std::string("\xFE\xFF\0a", 4)), "got UTF-16");
  EXPECT_HAS(reason(std::string("a\0b\0", 4)), "expected text on line 1, got a NUL byte");
  EXPECT_HAS(reason("\x89PNG\r\n\x1A\n and so on"), "expected a text file, got a PNG picture");
  EXPECT_HAS(reason(std::string("PK\3\4\0\0", 6)), "expected a text file, got a zip archive");
  EXPECT_HAS(reason("version https://git-lfs.github.com/spec/v1\n"), "got a pointer of Git LFS");
  EXPECT_EQ(read("GIF89 and BZh are texts\n").size(), 1u);
  for (const char* bad :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\xC2", "\xE0\x9F\x80", "\xE2\x82",
        "\xE2\x82x", "\xED\xA0\x80", "\xF0\x8F\x80\x80", "\xF0\x9F\x90", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xFE"}) {
    EXPECT_HAS(reason(std::string("fine\nfine\n") + bad + "\n"), "expected UTF-8 on line 3");
  }
}

TEST(DuplicatesTest, RowsInGroups) {
  Matrix<float> rows(7, 3);
  const float values[7] = {1, 2, 1, 3, 2, 1, NAN};
  for (std::int64_t i = 0; i < 7; ++i) {
    for (std::int64_t j = 0; j < 3; ++j) rows(i, j) = j == 1 ? 0.0F : values[i];
  }
  rows(2, 1) = -0.0F;
  EXPECT_EQ(find_duplicate_rows(rows.view()), (Groups{{0, 2, 5}, {1, 4}}));
  EXPECT_EQ(find_duplicate_rows(rows.view().col_range(1, 1)), (Groups{{0, 1, 2, 3, 4, 5, 6}}));
  EXPECT_TRUE(find_duplicate_rows(rows.view().row_range(5, 2)).empty());
  rows(6, 0) = rows(6, 2) = NAN;
  rows(5, 0) = rows(5, 2) = NAN;
  EXPECT_TRUE(find_duplicate_rows(rows.view().row_range(5, 2)).empty());
  EXPECT_TRUE(find_duplicate_rows(Matrix<float>(0, 3).view()).empty());
}

TEST(DuplicatesTest, ManyRowsAgainstAPlainLoop) {
  Matrix<float> rows(1021, 2);
  std::uint32_t state = 1;
  for (std::int64_t i = 0; i < 2 * 1021; ++i) {
    state = state * 1664525u + 1013904223u;
    rows.data()[i] = static_cast<float>(state >> 27);
  }
  Groups expected;
  std::vector<bool> seen(1021);
  for (std::int64_t i = 0; i < 1021; ++i) {
    std::vector<std::int64_t> group;
    for (std::int64_t j = i; j < 1021 && !seen[static_cast<std::size_t>(i)]; ++j) {
      if (rows(i, 0) == rows(j, 0) && rows(i, 1) == rows(j, 1)) group.push_back(j);
    }
    for (const std::int64_t j : group) seen[static_cast<std::size_t>(j)] = true;
    if (group.size() > 1) expected.push_back(group);
  }
  EXPECT_FALSE(expected.empty());
  EXPECT_EQ(find_duplicate_rows(rows.view()), expected);
}

TEST(DuplicatesTest, Texts) {
  EXPECT_EQ(find_duplicates({"b", "a", "b", "c", "a", "b"}), (Groups{{0, 2, 5}, {1, 4}}));
  EXPECT_TRUE(find_duplicates({}).empty());
}

}  // namespace
}  // namespace clipk
