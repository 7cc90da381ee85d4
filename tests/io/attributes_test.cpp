#include "clipk/io/attributes.hpp"

#include <string>

#include "io/files.hpp"

namespace clipk::test {
namespace {

class AttributesTest : public FileTest {
 protected:
  std::vector<Factor> read(const std::string& text, std::int64_t most_classes = 20) {
    std::ofstream(path("a.csv"), std::ios::binary) << text;
    return read_attributes(path("a.csv"), most_classes);
  }
  void expect_refused(const std::string& text, const std::string& message) {
    try {
      read(text);
      FAIL() << "expected: " << message;
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), path("a.csv").string() + ": " + message);
    }
  }
};

using Classes = std::vector<std::int32_t>;
using Names = std::vector<std::string>;

TEST_F(AttributesTest, ReadsClassesAndValues) {
  const auto factors = read(
      "shape,size,position:x,count,position:y\n"
      "disc,7.5,1,3,2\nsquare,-1e2,3,10,4\ndisc,+.5,5,3,6.5\n");
  ASSERT_EQ(factors.size(), 4U);
  EXPECT_EQ(factors[0].name, "shape");
  EXPECT_TRUE(factors[0].categorical());
  EXPECT_EQ(factors[0].classes, (Classes{0, 1, 0}));
  EXPECT_EQ(factors[0].class_names, (Names{"disc", "square"}));
  EXPECT_EQ(factors[1].name, "size");
  ASSERT_EQ(factors[1].values.cols(), 1);
  EXPECT_EQ(factors[1].values(1, 0), -100);
  EXPECT_EQ(factors[1].values(2, 0), .5F);
  EXPECT_EQ(factors[2].name, "position");
  ASSERT_EQ(factors[2].values.cols(), 2);
  EXPECT_EQ(factors[2].values(2, 0), 5);
  EXPECT_EQ(factors[2].values(2, 1), 6.5F);
  // Few whole numbers are classes, in the order of the numbers.
  EXPECT_EQ(factors[3].class_names, (Names{"3", "10"}));
  EXPECT_EQ(factors[3].rows(), 3);
}

TEST_F(AttributesTest, ManyWholeNumbersAreValues) {
  EXPECT_TRUE(read("n\n1\n2\n3\n", 3)[0].categorical());
  EXPECT_FALSE(read("n\n1\n2\n3\n", 2)[0].categorical());
}

TEST_F(AttributesTest, ReadsQuotesLineEndsAndMissingClasses) {
  const auto factors =
      read("\xEF\xBB\xBFkind , n\r\n\"a, \"\"b\"\"\nc\", 1.5\r\n ,2.5 \r\nd,3\r\n\r\n");
  ASSERT_EQ(factors.size(), 2U);
  EXPECT_EQ(factors[0].name, "kind");
  EXPECT_EQ(factors[0].class_names, (Names{"a, \"b\"\nc", "d"}));
  EXPECT_EQ(factors[0].classes, (Classes{0, -1, 1}));
  EXPECT_EQ(factors[1].values(1, 0), 2.5F);
}

TEST_F(AttributesTest, AnEmptyLineOfOneColumnIsARow) {
  EXPECT_EQ(read("kind\na\n\nb\n\n")[0].classes, (Classes{0, -1, 1}));
}

TEST_F(AttributesTest, RefusesWhatIsNoTable) {
  expect_refused("", "expected a first line of column names, got an empty file");
  expect_refused("a,b\n", "expected a line for every row, got column names alone");
  expect_refused("a,,b\n1,2,3\n", "expected a name for every column, got an empty one");
  expect_refused("a,a\n1,2\n", "expected columns of different names, got 'a' twice");
  expect_refused("a,b\n1,2\n1\n", "expected 2 fields on line 3, got 1");
  expect_refused("a,b\n1,2\n\n1,3\n", "expected 2 fields on line 3, got an empty line");
  expect_refused("a,b\n\"1,2\n", "expected an end to the quote of line 2, got the end of the file");
  expect_refused("a,b\n\"1\"x,2\n", "expected a comma after the quote on line 2, got 'x'");
}

TEST_F(AttributesTest, RefusesValuesThatAreNotFinite) {
  expect_refused("a,b\n1,.5\n1,nan\n", "expected a finite number in column b on line 3, got 'nan'");
  expect_refused("a,b\n1,1\n1,inf\n", "expected a finite number in column b on line 3, got 'inf'");
  expect_refused("a,b\n1,.5\n1,\n",
                 "expected a finite number in column b on line 3, got an empty field");
  expect_refused("p:x,p:y\n1,a\n", "expected a finite number in column p:y on line 2, got 'a'");
}

TEST(ClassFactor, NumbersLabels) {
  const Factor factor = class_factor("class", {7, -3, 2, 7}, {});
  EXPECT_EQ(factor.classes, (Classes{1, -1, 0, 1}));
  EXPECT_EQ(factor.class_names, (Names{"2", "7"}));
  EXPECT_EQ(class_factor("class", {1, 0}, {"cat", "dog"}).class_names, (Names{"cat", "dog"}));
  EXPECT_THROW(class_factor("class", {2}, {"cat", "dog"}), Error);
}

TEST_F(AttributesTest, SelectsRows) {
  const auto factors = read("kind,p:x,p:y\na,1.5,2\nb,3,4\nc,5,6\n");
  const Factor kind = select_rows(factors[0], {2, 0, 2});
  EXPECT_EQ(kind.classes, (Classes{2, 0, 2}));
  EXPECT_EQ(kind.class_names, (Names{"a", "b", "c"}));
  const Factor p = select_rows(factors[1], {1});
  ASSERT_EQ(p.values.rows(), 1);
  EXPECT_EQ(p.values(0, 1), 4);
  EXPECT_THROW(select_rows(factors[0], {3}), Error);
}

}  // namespace
}  // namespace clipk::test
