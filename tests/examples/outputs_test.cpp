#include "outputs.hpp"

#include "chart.hpp"
#include "clipk/core/error.hpp"
#include "io/files.hpp"
#include "table.hpp"
#include "text.hpp"

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

TEST(Text, ReachesTheTerminalWithoutControlCharacters) {
  EXPECT_EQ(printable("a\x1b[31mb\x07\x7f\xc2\x9b c\xff\u00e9\n"),
            "a\uFFFD[31mb\uFFFD\uFFFD\uFFFD c\uFFFD\u00e9\n");
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

Figure figure() {
  Series series{"it's_a line", {16, 32, 64}, {.1, .5, .6}, {.05, .4, .5}, {.2, .6, .7}};
  return {.title = "A 'quoted' title",
          .panels = {{.title = "image \u2192 text",
                      .x_label = "dimension",
                      .y_label = "top-1",
                      .series = {series},
                      .levels = {{"all", .55}},
                      .x_ticks = {16, 32, 64},
                      .log_x = true,
                      .percent_y = true},
                     {.title = "one point", .series = {{"p", {1}, {1}, {}, {}}}}}};
}

TEST(Chart, IsAPngOfItsSizeAndTheSameBytesAgain) {
  const std::string png = to_png(figure());
  ASSERT_GT(png.size(), 5000u);
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  const auto big_endian = [&](std::size_t at) {
    int value = 0;
    for (std::size_t i = 0; i < 4; ++i)
      value = value << 8 | static_cast<unsigned char>(png[at + i]);
    return value;
  };
  EXPECT_EQ(big_endian(16), 2 * 620);
  EXPECT_EQ(big_endian(20), 520);
  EXPECT_EQ(to_png(figure()), png);
}

TEST(Chart, RefusesSeriesOfDifferentLengths) {
  Figure broken = figure();
  broken.panels[0].series[0].y.pop_back();
  EXPECT_HAS(error_of([&] { to_png(broken); }),
             "chart: expected 3 values for series 'it's_a line', got 2");
}

}  // namespace
}  // namespace clipk::study
