#include <gtest/gtest.h>

#include <string>

#include "examples/study/picture_scripts.hpp"
#include "study/pictures/picture_text.hpp"
#include "study/text.hpp"

namespace clipk::study {
namespace {

TEST(Text, Utf8AsItIsAndMarkedWhereItIsNot) {
  const std::string good = "a\u00e9\u6f22\U0001F600\U0010FFFF";
  EXPECT_EQ(valid_utf8(good), good);
  const auto marked = [](const std::string& text) { return valid_utf8(text); };
  const std::string mark = kReplacement;
  EXPECT_EQ(marked("a\x80z"), "a" + mark + "z");
  EXPECT_EQ(marked("\xC3"), mark);                        // breaks off
  EXPECT_EQ(marked("\xE6\xBC"), mark);                    // one sequence, one mark
  EXPECT_EQ(marked("\xC0\xAF"), mark + mark);             // longer than needed
  EXPECT_EQ(marked("\xED\xA0\x80"), mark + mark + mark);  // half of a pair
  EXPECT_EQ(marked("\xF4\x90\x80\x80"), mark + mark + mark + mark);
}

TEST(Text, NothingThatATerminalObeys) {
  const std::string mark = kReplacement;
  EXPECT_EQ(printable("\x1b[2J\x07\x7f\u009b1m"), mark + "[2J" + mark + mark + mark + "1m");
  EXPECT_EQ(printable("two\nlines\tand"), "two\nlines\tand");
  EXPECT_EQ(printable("\r\u202eabc\u2066"), mark + mark + "abc" + mark);
  EXPECT_EQ(one_line("two\r\nlines\tand\u2028more"), "two lines and more");
  for (const std::string& text : hostile_names()) {
    for (const char32_t c : code_points(one_line(text))) {
      EXPECT_FALSE(c < 0x20 || (c >= 0x7F && c < 0xA0)) << text;
    }
  }
}

TEST(Text, WidthIsThatOfATerminal) {
  EXPECT_EQ(width("abc"), 3u);
  EXPECT_EQ(width("\u00e9t\u00e9"), 3u);
  EXPECT_EQ(width("e\u0301te\u0301"), 3u);
  EXPECT_EQ(width("\u6f22\u5b57"), 4u);
  EXPECT_EQ(width("\xff\xff"), 2u);
}

TEST(Text, WrappedLeavesNoWordAlone) {
  EXPECT_EQ(wrapped("one two", 10), "one two");
  EXPECT_EQ(wrapped("one two three four five six", 20), "one two three\nfour five six");
  EXPECT_EQ(wrapped("aaa bbb ccc d", 11), "aaa bbb\nccc d");
  EXPECT_EQ(wrapped("a verylongword b", 5), "a\nverylongword\nb");
  EXPECT_EQ(wrapped("\u6f22\u5b57 \u6f22\u5b57", 8), "\u6f22\u5b57\n\u6f22\u5b57");
  EXPECT_EQ(wrapped("", 5), "");
}

TEST(Text, ShortenedKeepsWholeCharacters) {
  EXPECT_EQ(shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(shortened("abcdefg", 6), "abc...");
  EXPECT_EQ(shortened("ab cdefg", 6), "ab...");
  EXPECT_EQ(shortened("\u6f22\u5b57\u6f22\u5b57", 8), "\u6f22\u5b57\u6f22\u5b57");
  EXPECT_EQ(shortened("\u6f22\u5b57\u6f22\u5b57", 7), "\u6f22\u5b57...");
  EXPECT_EQ(shortened("abe\u0301\u0301defgh", 6),
            "abe\u0301\u0301...");  // accents with their letter
}

TEST(PictureText, LiteralsOfGnuplot) {
  EXPECT_EQ(literal("100% it's 50% of @x"), "\"100% it's 50% of @x\"");
  EXPECT_EQ(literal("\\n \"x\" \\"), R"("\\n \"x\" \\")");
  EXPECT_EQ(literal("`id`"), R"("\140id\140")");
  EXPECT_EQ(literal("two\nlines"), "\"two lines\"");
  EXPECT_EQ(literal(std::string("a\0b", 3)), literal("a\u0001b"));
}

TEST(PictureText, CharactersThatNoFontHasAreReplaced) {
  // gnuplot would draw a box over the page.
  EXPECT_EQ(literal(kNowhere), literal(kReplacement));
  EXPECT_EQ(to_png(heatmap({kNowhere, "b"}, {"0", "1"})),
            to_png(heatmap({kReplacement, "b"}, {"0", "1"})));
}

TEST(PictureText, FittedKeepsBothEnds) {
  EXPECT_EQ(fitted("short", 100, 12), "short");
  const std::string cut = fitted(name(37, true), 200, 11);
  EXPECT_LE(text_width(cut, 11), 200);
  EXPECT_GT(text_width(cut, 11), 160);
  EXPECT_EQ(cut.substr(0, 6), "a name");
  EXPECT_EQ(cut.substr(cut.size() - 3), " 37");
  EXPECT_EQ(fitted("abc", 1, 11), "...");
}

}  // namespace
}  // namespace clipk::study
