#include "outputs.hpp"

#include "clipk/core/error.hpp"
#include "io/files.hpp"
#include "table.hpp"

namespace clipk::study {
namespace {

using test::error_of;
using test::read_bytes;

class OutputsTest : public test::FileTest {};

TEST_F(OutputsTest, AllFilesOrNone) {
  test::write_bytes(path("a"), "old");
  Outputs outputs(path(""));
  outputs.add("a", [](AtomicFile& file) { file.write("new"); });
  outputs.add("b", [](AtomicFile&) { throw Error("disk full"); });
  EXPECT_EQ(error_of([&] { outputs.write(); }), "disk full");
  EXPECT_EQ(read_bytes(path("a")), "old");
  EXPECT_EQ(file_count(), 1u);
}

TEST_F(OutputsTest, MakesFolders) {
  Outputs outputs(path("x/y"));
  EXPECT_FALSE(std::filesystem::exists(path("x")));  // not before there is something to put in
  outputs.add("a", [](AtomicFile& file) { file.write("1"); });
  outputs.write();
  EXPECT_EQ(read_bytes(path("x/y/a")), "1");
}

TEST_F(OutputsTest, AFullDiskAtTheLastFileKeepsTheEarlierRun) {
  for (const bool full : {false, true}) {
    Outputs outputs(path("x"));
    outputs.add("a", [&](AtomicFile& file) { file.write(full ? "new" : "old"); });
    outputs.add("results.json", [&](AtomicFile& file) {
      if (full) throw Error("disk full");
      file.write(R"({"manifest": {"program": "toy", "files": ["a", "results.json"]}})");
    });
    EXPECT_EQ(full ? error_of([&] { outputs.write(); }) : (outputs.write(), ""),
              full ? "disk full" : "");
    EXPECT_EQ(read_bytes(path("x/a")), "old");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path("x")), {}), 2);
  }
}

TEST(Csv, RunsNothingInASpreadsheet) {
  const Json rows = Json::array({{{"=a", "=1+1"}, {"b", "-1"}, {"c", -1}, {"d", "@SUM(A1)"}},
                                 {{"=a", "+x"}, {"b", "-x"}, {"c", "+3.5e2"}, {"d", "\tx"}},
                                 {{"=a", "a=b"}, {"b", "\xff"}, {"c", "1,\n2"}, {"d", "\rx"}}});
  EXPECT_EQ(to_csv(rows),
            "'=a,b,c,d\n"
            "'=1+1,-1,-1,'@SUM(A1)\n"
            "'+x,'-x,+3.5e2,'\tx\n"
            "a=b,\uFFFD,\"1,\n2\",\"'\rx\"\n");
}

TEST(Csv, QuotesAndMissingValues) {
  const Json rows = Json::parse(
      R"([{"a": 1, "b": "x,y"}, {"a": null, "c": "say \"hi\""}, {"b": [1, 2], "c": 0.5}])");
  EXPECT_EQ(to_csv(rows), "a,b,c\n1,\"x,y\",\n,,\"say \"\"hi\"\"\"\n,\"[1,2]\",0.5\n");
  EXPECT_EQ(to_csv(Json::array()), "\n");
}

TEST(Table, AlignsTextLeftAndNumbersRight) {
  Table table({"method", "top-1"});
  table.add({"pca", "54.2 %"});
  table.add_rule();
  table.add({"isotonic \u00b1", "9.1 %"});
  EXPECT_EQ(table.text(),
            "method       top-1\n"
            "\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500"
            "\u2500\u2500\u2500\u2500\n"
            "pca         54.2 %\n"
            "\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500"
            "\u2500\u2500\u2500\u2500\n"
            "isotonic \u00b1   9.1 %\n");
  EXPECT_THROW(table.add({"one"}), std::logic_error);
}

TEST(Table, CellsThatTheTerminalMustNotObey) {
  Table table({"na\x1b[31mme", "n"});
  table.add({"\u6f22\u5b57\x07", "1"});
  table.add({"two\nlines\xff", "2"});
  EXPECT_EQ(table.text(),
            "na\uFFFD[31mme   n\n"
            "\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\u2500\n"
            "\u6f22\u5b57\uFFFD       1\n"
            "two lines\uFFFD  2\n");
}

}  // namespace
}  // namespace clipk::study
