#include "clipk/io/attributes.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "io/files.hpp"
#include "support/error_of.hpp"

namespace clipk::test {
namespace {

class AttributesTest : public FileTest {
 protected:
  Attributes read_all(const std::string& text, std::int64_t most_classes = 20) const {
    write_bytes(path("a.csv"), text);
    return read_attributes(path("a.csv"), most_classes);
  }
  std::vector<Factor> read(const std::string& text, std::int64_t most_classes = 20) const {
    return read_all(text, most_classes).factors;
  }
  /// The same table with its fields parted by another delimiter.
  static std::string parted_by(char delimiter, std::string text) {
    std::replace(text.begin(), text.end(), ',', delimiter);
    return text;
  }
  void expect_refused(const std::string& text, const std::string& message) {
    EXPECT_EQ(error_of([&] { read(text); }), path("a.csv").string() + ": " + message);
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
  EXPECT_TRUE(read("n\n1\n2\n3\n1\n", 3)[0].categorical());
  EXPECT_FALSE(read("n\n1\n2\n3\n1\n", 2)[0].categorical());
  // So are some that all differ: classes of a row each would say nothing.
  EXPECT_FALSE(read("n\n1\n2\n3\n", 3)[0].categorical());
}

TEST_F(AttributesTest, ReadsQuotesLineEndsAndMissingClasses) {
  const auto factors = read(
      "\xEF\xBB\xBFkind , n\r\n\"a, \"\"b\"\"\nc\" , 1.5\r\n ,2.5 \r\nd,3\r\n \"d\",4\r\n\r\n");
  ASSERT_EQ(factors.size(), 2U);
  EXPECT_EQ(factors[0].name, "kind");
  EXPECT_EQ(factors[0].class_names, (Names{"a, \"b\"\nc", "d"}));
  EXPECT_EQ(factors[0].classes, (Classes{0, -1, 1, 1}));
  EXPECT_EQ(factors[1].values(1, 0), 2.5F);
  EXPECT_EQ(read("kind\ra\rb\ra\r")[0].classes, (Classes{0, 1, 0}));
}

TEST_F(AttributesTest, AnEmptyLineOfOneColumnIsARow) {
  EXPECT_EQ(read("kind\na\n\nb\na\n\n")[0].classes, (Classes{0, -1, 1, 0}));
}

const std::string kPlain = "kind,size\ndog,0.5\ncat,1.25\ndog,-3\n";

TEST_F(AttributesTest, FieldsPartedInOtherWays) {
  for (const char delimiter : {',', ';', '\t', '|'}) {
    SCOPED_TRACE(delimiter);
    const std::string table = parted_by(delimiter, kPlain);
    const std::string said = std::string("sep=") + delimiter;
    for (const std::string& text :
         {table, "\n" + table, said + "\n" + table, said + "\r\n" + table}) {
      const Attributes read = read_all(text);
      ASSERT_EQ(read.factors.size(), 2u);
      EXPECT_EQ(read.factors[0].name, "kind");
      EXPECT_EQ(read.factors[0].classes, (Classes{1, 0, 1}));
      EXPECT_EQ(read.factors[1].name, "size");
      EXPECT_EQ(read.factors[1].values(2, 0), -3);
      EXPECT_TRUE(read.notes.empty()) << read.notes[0];
    }
  }
}

TEST_F(AttributesTest, TheDelimiterIsTheOneThatPartsEveryLine) {
  // In quotes none counts; of several in the first line the others part no other line so.
  EXPECT_EQ(read("\"a;b\tc\",d\nx,1\ny,2\nx,3\n")[0].name, "a;b\tc");
  EXPECT_EQ(read("size, cm;kind\n1.5;a\n2;b\n3;a\n")[0].name, "size, cm");
  EXPECT_EQ(read("a;b,c\nx,1\ny,2\nx,3\n")[0].name, "a;b");
  EXPECT_EQ(read("a\tb, c\nx\t1,5\ny\t2,5\nx\t3\n")[1].values(1, 0), 2.5F);
  // A bar may be part of a name.
  EXPECT_EQ(read("a|b,c\nx,1\ny,2\nx,3\n")[0].name, "a|b");
  expect_refused("a;b,c\nx;1,2\ny;1,2\n",
                 "expected fields parted by one of comma, semicolon and tab (quotes hide the "
                 "others), got a semicolon and a comma that both part every line alike");
  expect_refused("a;b\nx,1\ny,2\n", "expected 2 fields on line 2, got 1 parted by a semicolon");
}

TEST_F(AttributesTest, MissingValuesOfEveryKind) {
  for (const char* missing : {"", " ", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "None", "null",
                              "NULL", "<NA>", "#N/A", "\"\"", "\"NA\""}) {
    SCOPED_TRACE(missing);
    for (const char delimiter : {',', ';', '\t'}) {
      const Attributes read =
          read_all(parted_by(delimiter, std::string("kind,size,n\ndog,0.5,1\n") + missing + "," +
                                            missing + "," + missing + "\ndog,1.5,2\ncat,2,1\n"));
      ASSERT_EQ(read.factors.size(), 3u);
      EXPECT_EQ(read.factors[0].classes, (Classes{1, -1, 1, 0}));
      ASSERT_FALSE(read.factors[1].categorical());
      EXPECT_EQ(read.factors[1].values(0, 0), .5F);
      EXPECT_TRUE(std::isnan(read.factors[1].values(1, 0)));
      EXPECT_EQ(read.factors[2].classes, (Classes{0, -1, 1, 0}));
      EXPECT_EQ(
          read.notes,
          (Names{"values that are missing: kind in 1 of 4 rows, size in 1 of 4 rows, n in 1 of "
                 "4 rows"}));
    }
  }
  // A word that only looks alike is a class; a whole number may have become 1.0 beside NaN.
  EXPECT_EQ(read("kind\nnone\nna\nnone\n")[0].class_names, (Names{"na", "none"}));
  EXPECT_EQ(read("n\n1.0\n\n2.0\n1\n")[0].class_names, (Names{"1", "2"}));
}

TEST_F(AttributesTest, ARowOfSeveralValuesIsKnownAsAWhole) {
  const auto factors = read("p:x,p:y\n1.5,2\nNA,3\n2,\n4,5\n5,6\n");
  const Factor& position = factors[0];
  EXPECT_TRUE(position.known(0));
  for (const std::int64_t row : {1, 2}) {
    EXPECT_FALSE(position.known(row));
    EXPECT_TRUE(std::isnan(position.values(row, 0)) && std::isnan(position.values(row, 1)));
  }
}

TEST_F(AttributesTest, DecimalCommas) {
  const Attributes read = read_all("kind;size\na;0,37\nb;-1\na;+2,5e1\n");
  ASSERT_FALSE(read.factors[1].categorical());
  EXPECT_EQ(read.factors[1].values(0, 0), .37F);
  EXPECT_EQ(read.factors[1].values(2, 0), 25);
  EXPECT_EQ(read.notes, (Names{"numbers with a decimal comma: size"}));
  // Between semicolons a comma parts no thousands; elsewhere it might.
  EXPECT_EQ(this->read("kind;size\na;1,234\nb;2,345\na;2,5\n")[1].values(0, 0), 1.234F);
  EXPECT_EQ(this->read("kind\tsize\na\t1,234\nb\t0,345\na\t2\n")[1].values(0, 0), 1.234F);
  const std::string expected = "expected numbers with a decimal point in column size on line ";
  expect_refused("kind\tsize\na\t1,234\nb\t2,345\n", expected + "2, got '1,234'");
  expect_refused("kind,size\na,1\nb,\"0,37\"\n", expected + "3, got '0,37'");
  expect_refused("kind;size\na;1\nb;1.234,5\n", expected + "3, got '1.234,5'");
  expect_refused("kind;size\na;0,37\nb;0.37\n", expected + "2, got '0,37'");
  expect_refused("kind;size\na;1\nb;1,234,567\n", expected + "3, got '1,234,567'");
  EXPECT_TRUE(this->read("date\n2020-01-02\n1.2.3\n1.2.3\n")[0].categorical());
}

TEST_F(AttributesTest, RowNamesAreLeftOut) {
  const std::string note = "column 1 has no name and numbers the rows: left out";
  for (const std::string first :
       {",kind,n\n0,a,1\n1,b,1\n2,a,2\n", "\"\",kind,n\n1,a,1\n2,b,1\n3,a,2\n",
        "Unnamed: 0,kind,n\n7,a,1\n3,b,1\n9,a,2\n"}) {
    const Attributes read = read_all(first);
    ASSERT_EQ(read.factors.size(), 2u);
    EXPECT_EQ(read.factors[0].name, "kind");
    EXPECT_EQ(read.notes, (Names{note}));
  }
  // Another column without a name gets one.
  const Attributes called = read_all("kind,,n\na,x,1\nb,y,1\na,x,2\n");
  EXPECT_EQ(called.factors[1].name, "column 2");
  EXPECT_EQ(called.notes, (Names{"column 2 has no name: called 'column 2'"}));
  // R's write.table: a field more than the first line has names.
  const Attributes named = read_all("kind\tsize\nr1\ta\t.5\nr2\tb\t1\nr3\ta\t2\n");
  ASSERT_EQ(named.factors.size(), 2u);
  EXPECT_EQ(named.factors[0].classes, (Classes{0, 1, 0}));
  EXPECT_EQ(named.factors[1].values(2, 0), 2);
  EXPECT_EQ(named.notes,
            (Names{"the first field of every row has no column: left out as its name"}));
  expect_refused("kind;size\na;1;2\na;1;3\n",
                 "expected 2 fields on line 3, got 3 parted by a semicolon");
  // A delimiter at the end of every line is one field more, but no name.
  EXPECT_EQ(read("kind;size\na;1.5;\nb;2;\na;3;\n")[0].classes, (Classes{0, 1, 0}));
}

TEST_F(AttributesTest, ColumnsThatTellNoRowsApartAreLeftOut) {
  const Attributes read = read_all(
      "split,kind,file,seen,none,level,one\ntest,a,x1,,NA,7,1\ntest,b,x2,,NA,7,NA\ntest,a,x3,,NA,,"
      "NA\n"
      "test,a,x4,,,7,2\n");
  ASSERT_EQ(read.factors.size(), 1u);
  EXPECT_EQ(read.factors[0].name, "kind");
  EXPECT_EQ(read.notes, (Names{"left out, as they tell no rows apart: split ('test' in every row), "
                               "file (another in every row), seen (no values), none (no values), "
                               "level ('7' in every row), one (known of 2 rows)"}));
  // Of several values the parts that vary stay.
  EXPECT_EQ(this->read("p:x,p:y,p:z\n1,0,3\n2,0,4\n3,0,9\n")[0].values.cols(), 2);
  expect_refused("split,file\ntest,a\ntest,b\ntest,c\n",
                 "expected a column that tells rows apart, got none: split ('test' in every row), "
                 "file (another in every row)");
  std::string many = "kind", row;
  for (int j = 0; j < 13; ++j) {
    many += ",c" + std::to_string(j);
    row += ",1";
  }
  for (const char* kind : {"a", "b", "a"}) many += std::string("\n") + kind + row;
  EXPECT_HAS(read_all(many).notes[0], "c9 ('1' in every row) and 3 more");
}

// Quadratic time would be hours.
TEST_F(AttributesTest, ManyColumns) {
  constexpr int kColumns = 100'000;
  std::string text = "c0";
  for (int j = 1; j < kColumns; ++j) text += ",c" + std::to_string(j);
  for (const char* value : {"a", "b", "a"}) {
    text += std::string("\n") + value;
    for (int j = 1; j < kColumns; ++j) text += std::string(",") + value;
  }
  EXPECT_EQ(read(text).size(), static_cast<std::size_t>(kColumns));
}

TEST_F(AttributesTest, WhatIsReadIsUtf8) {
  EXPECT_EQ(read("größe\nklein 猫\ngroß\ngroß\n")[0].class_names, (Names{"groß", "klein 猫"}));
  expect_refused("kind\na\ncaf\xE9\n",
                 "expected UTF-8 on line 3, got byte 0xE9 at its byte 4 (iconv -f WINDOWS-1252 -t "
                 "UTF-8 converts Latin text)");
  expect_refused(
      "gr\xF6\xDF"
      "e\na\n",
      "expected UTF-8 on line 1, got byte 0xF6 at its byte 3 (iconv -f "
      "WINDOWS-1252 -t UTF-8 converts Latin text)");
  expect_refused(std::string("\xFF\xFEk\0", 4),
                 "expected UTF-8, got UTF-16 (iconv -f UTF-16 -t UTF-8 converts it)");
  expect_refused(std::string("a\nb\0\n", 5), "expected text on line 2, got a NUL byte");
  expect_refused(std::string("PK\3\4\0", 5),
                 "expected a CSV file, got a zip archive (.npz, .xlsx, a PyTorch file)");
  expect_refused(" <!doctype HTML>\n<p>\n",
                 "expected a CSV file, got a web page (the download failed, or needs a login)");
  expect_refused("\x93NUMPY\1", "expected a CSV file, got a .npy file");
  // A message is one line that prints, whatever a field holds.
  expect_refused("\"a\nb\",\"a\nb\"\n1,2\n",
                 "expected columns of different names, got 'a?b' twice");
  expect_refused("p:x,p:y\n1,\"a\nb\"\n",
                 "expected a finite number in column p:y on line 2, got 'a?b'");
}

TEST_F(AttributesTest, RefusesWhatIsNoTable) {
  expect_refused("", "expected a first line of column names, got an empty file");
  expect_refused("a,b\n", "expected a line for every row, got column names alone");
  expect_refused("a,a\n1,2\n", "expected columns of different names, got 'a' twice");
  expect_refused("a,b\n1,2\n1\n", "expected 2 fields on line 3, got 1 parted by a comma");
  expect_refused("a;b\n1;2\n1;2;3\n", "expected 2 fields on line 3, got 3 parted by a semicolon");
  expect_refused("a,b\n1,2\n\n1,3\n", "expected 2 fields on line 3, got an empty line");
  expect_refused("a,b\n\"1,2\n", "expected an end to the quote of line 2, got the end of the file");
  expect_refused("a,b\n\"1\"x,2\n", "expected a comma after the quote on line 2, got 'x'");
}

TEST_F(AttributesTest, RefusesValuesThatAreNotFinite) {
  for (const char* infinite : {"inf", "-Infinity", "1e39", "1e999"}) {
    expect_refused(
        std::string("a,b\n1,1\n1,") + infinite + "\n",
        std::string("expected a finite number in column b on line 3, got '") + infinite + "'");
  }
  expect_refused("p:x,p:y\n1,a\n", "expected a finite number in column p:y on line 2, got 'a'");
}

TEST_F(AttributesTest, NumbersTooNearToZeroAreZero) {
  const std::string tiny = "0." + std::string(400, '0') + "1";
  for (const std::string& zero :
       {std::string("1e-400"), std::string("-2.5E-4000"), std::string("0.001e-322"),
        std::string("7e-99999999999999999999"), tiny, tiny + "e5"}) {
    const auto factors = read("p\n0.5\n" + zero + "\n0.25\n0.125\n");
    ASSERT_FALSE(factors[0].categorical()) << zero;
    EXPECT_EQ(factors[0].values(1, 0), 0) << zero;
  }
  for (const std::string& large : {std::string("1e400"), std::string("0.1e99999999999999999999"),
                                   "1" + std::string(400, '0') + ".5"}) {
    expect_refused(
        "p\n0.5\n" + large + "\n0.25\n",
        "expected a finite number in column p on line 3, got '" + large.substr(0, 40) + "'");
  }
}

TEST_F(AttributesTest, CodesAreNotNumbers) {
  const Attributes read = read_all(
      "zip,id,size,p:x,p:y\n007,20000000000000001,0.5,01,2\n7,20000000000000002,0,02,2\n"
      "07,20000000000000001,-0.25,03,3\n7,20000000000000002,1,05,4\n");
  ASSERT_EQ(read.factors.size(), 4U);
  EXPECT_EQ(read.factors[0].class_names, (Names{"007", "07", "7"}));
  EXPECT_EQ(read.factors[0].classes, (Classes{0, 2, 1, 2}));
  EXPECT_EQ(read.factors[1].class_names, (Names{"20000000000000001", "20000000000000002"}));
  EXPECT_FALSE(read.factors[2].categorical());
  EXPECT_EQ(read.factors[3].values(3, 0), 5);  // of parts of a place all are numbers
  EXPECT_EQ(read.notes,
            (Names{"codes, not numbers (zeros before them, or over 15 digits): zip, id"}));
  for (const char* code : {"-0123", "008.5", "1234567890123456.0"}) {
    EXPECT_TRUE(this->read(std::string("c\n2\n2\n") + code + "\n")[0].categorical()) << code;
    EXPECT_EQ(read_all(std::string("c\n2\n2\n") + code + "\n").notes.size(), 1U) << code;
  }
  for (const char* number : {"0", "-0", "0.5", "0e3", "123456789012345", "1e20"}) {
    EXPECT_TRUE(read_all(std::string("c\n2\n2\n") + number + "\n").notes.empty()) << number;
  }
}

TEST_F(AttributesTest, InventedNamesAreNoOthers) {
  const Attributes read = read_all("column 2,,x,column 2_:y\na,u,1,1\nb,v,1,2\na,v,2,4\n");
  ASSERT_EQ(read.factors.size(), 4U);
  EXPECT_EQ(read.factors[0].name, "column 2");
  EXPECT_EQ(read.factors[1].name, "column 2__");
  EXPECT_EQ(read.factors[1].classes, (Classes{0, 1, 1}));
  EXPECT_EQ(this->read("x,,column 2\n1,u,a\n1,v,b\n2,v,a\n")[1].name, "column 2_");
}

TEST_F(AttributesTest, DecimalCommasBetweenCommasAreNoRowNames) {
  const auto refusal = [](const std::string& fields, const std::string& got) {
    return "expected " + fields +
           " fields on line 2, a decimal comma in quotes, or one more field that names the row in "
           "quotes, got " +
           got + " parted by a comma";
  };
  expect_refused("file,size\nimg0.png,0,5\nimg1.png,1,25\n", refusal("2", "3"));
  expect_refused("id,size\n1,0,5\n2,1,25\n3,2,0\n", refusal("2", "3"));
  expect_refused("size\n1,5\n2,5\n3,25\n", refusal("1", "2"));
  // Quoted, or numbers beside which no comma can be a decimal one.
  EXPECT_EQ(read("\"kind\",\"n\"\n\"r1\",\"a\",3\n\"r2\",\"b\",3\n\"r3\",\"a\",4\n")[1].classes,
            (Classes{0, 0, 1}));
  for (const char* numbered : {"kind,n\n1,a,3\n2,b,3\n3,a,4\n", "kind,n\n0,a,3\n1,b,3\n2,a,4\n"}) {
    EXPECT_EQ(read(numbered)[0].classes, (Classes{0, 1, 0}));
  }
}

TEST(ClassFactor, NumbersLabels) {
  const Factor factor = class_factor("class", {7, -3, 2, 7}, {});
  EXPECT_EQ(factor.classes, (Classes{1, -1, 0, 1}));
  EXPECT_EQ(factor.class_names, (Names{"2", "7"}));
  EXPECT_EQ(class_factor("class", {1, 0}, {"cat", "dog"}).class_names, (Names{"cat", "dog"}));
  EXPECT_THROW(class_factor("class", {2}, {"cat", "dog"}), Error);
}

TEST_F(AttributesTest, SelectsRows) {
  const auto factors = read("kind,p:x,p:y\na,1.5,2\nb,3,4\nc,5,6\nc,NA,2\n");
  const Factor kind = select_rows(factors[0], {2, 0, 2});
  EXPECT_EQ(kind.classes, (Classes{2, 0, 2}));
  EXPECT_EQ(kind.class_names, (Names{"a", "b", "c"}));
  const Factor p = select_rows(factors[1], {1});
  ASSERT_EQ(p.values.rows(), 1);
  EXPECT_EQ(p.values(0, 1), 4);
  EXPECT_THROW(select_rows(factors[0], {4}), Error);
  EXPECT_FALSE(select_rows(factors[1], {3}).known(0));
}

}  // namespace
}  // namespace clipk::test
