#include "study/outputs.hpp"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "clipk/core/error.hpp"
#include "io/files.hpp"
#include "study/table.hpp"
#include "support/error_of.hpp"

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

// Each writes all of its files, and the last one's stand there.
TEST_F(OutputsTest, RunsIntoOneFolderTakeTurns) {
  const auto write = [&](int run) {
    Outputs outputs(path("x"));
    for (int f = 0; f < 5; ++f) {
      outputs.add(fmt::format("{}_{}", run, f), [](AtomicFile& file) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        file.write("a");
      });
    }
    outputs.add("results.json", [&](AtomicFile& file) {
      Json files = Json::array({"results.json"});
      for (int f = 0; f < 5; ++f) files.push_back(fmt::format("{}_{}", run, f));
      file.write(Json{{"manifest", {{"program", "toy"}, {"files", files}}}}.dump());
    });
    outputs.write();
  };
  std::vector<std::thread> threads;
  for (int run = 0; run < 8; ++run) threads.emplace_back(write, run);
  for (std::thread& thread : threads) thread.join();
  const Json results = Json::parse(read_bytes(path("x/results.json")));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path("x")), {}), 6);
  for (const Json& name : results["manifest"]["files"]) {
    EXPECT_TRUE(std::filesystem::exists(path("x") / name.get<std::string>())) << name;
  }
}

TEST_F(OutputsTest, FollowsNoLinkToAFolder) {
  std::filesystem::create_directories(path("elsewhere"));
  std::filesystem::create_directories(path("x"));
  test::write_bytes(path("elsewhere/a"), "precious");
  test::write_bytes(path("x/results.json"),
                    R"({"manifest": {"program": "toy", "files": ["part/a", "b"]}})");
  test::write_bytes(path("x/b"), "old");
  std::filesystem::create_directory_symlink(path("elsewhere"), path("x/part"));
  Outputs through(path("x"));
  through.add("part/c", [](AtomicFile& file) { file.write("1"); });
  EXPECT_EQ(error_of([&] { through.write(); }),
            path("x/part").string() + ": expected a folder, got a link");
  EXPECT_EQ(read_bytes(path("x/b")), "old");
  Outputs beside(path("x"));
  beside.add("c", [](AtomicFile& file) { file.write("1"); });
  beside.write();
  EXPECT_EQ(read_bytes(path("elsewhere/a")), "precious");
  EXPECT_FALSE(std::filesystem::exists(path("x/b")));
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
