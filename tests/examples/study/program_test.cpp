// Runs a program as its users do: exit status, standard error, and what lies in --out afterwards.
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "clipk/core/context.hpp"
#include "clipk/core/cpu_target.hpp"
#include "clipk/io/embeddings.hpp"
#include "clipk/io/npy.hpp"
#include "clipk/io/sha256.hpp"
#include "examples/study/child_program.hpp"
#include "io/files.hpp"
#include "support/error_of.hpp"

namespace clipk {
namespace {

using nlohmann::json;
using test::read_bytes;

using Result = test::ProgramResult;

class ProgramTest : public test::FileTest {
 protected:
  Result run(std::vector<std::string> arguments, rlim_t file_limit = RLIM_INFINITY,
             const char* data = "", const char* search_path = nullptr) {
    test::ProgramOptions options{.file_limit = file_limit, .environment = environment};
    options.environment.emplace_back("CLIPK_DATA", data);
    if (search_path != nullptr) options.environment.emplace_back("PATH", search_path);
    return test::ChildProgram(TOY_STUDY, std::move(arguments), options).wait();
  }
  std::string out() const { return path("out").string(); }
  std::vector<std::pair<std::string, std::string>> environment;  // of every run
  // A refusal: this status, one line on standard error that ends so, and no files.
  void expect_refused(const std::vector<std::string>& arguments, int status,
                      const std::string& message, rlim_t file_limit = RLIM_INFINITY,
                      const char* search_path = nullptr) {
    std::vector<std::string> all = arguments;
    all.insert(all.end(), {"--out", out()});
    const Result result = run(all, file_limit, path("").c_str(), search_path);
    EXPECT_EQ(result.status, status) << result.err;
    EXPECT_EQ(result.err.rfind("toy_study: ", 0), 0u) << result.err;
    EXPECT_HAS(result.err, message);
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_TRUE(!std::filesystem::exists(path("out")) || std::filesystem::is_empty(path("out")));
  }
};

TEST_F(ProgramTest, WritesManifestRowsAndArrays) {
  const Result result = run({"--synthetic", "20", "--dims", "32,16,8", "--seed", "3", "--threads",
                             "1", "--out", out(), "--quick"});
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out.rfind("SYNTHETIC pairs: 20 of dimension 512, generated with seed 3\n", 0),
            0u)
      << result.out;
  EXPECT_TRUE(result.err.empty());
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(path("out"))) {
    names.push_back(file.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names,
            (std::vector<std::string>{"images.npy", "results.csv", "results.json", "toy.png"}));

  const std::string text = read_bytes(path("out") / "results.json");
  EXPECT_LT(text.find("\"manifest\""), text.find("\"rows\""));
  const json results = json::parse(text);
  const json& manifest = results["manifest"];
  EXPECT_EQ(manifest["program"], "toy_study");
  EXPECT_EQ(manifest["seed"], 3);
  EXPECT_EQ(manifest["threads"], 1);
  EXPECT_FALSE(manifest["commit"].get<std::string>().empty());
  EXPECT_EQ(manifest["options"]["dims"], json({32, 16, 8}));
  EXPECT_EQ(manifest["options"]["epochs"], 7);
  EXPECT_EQ(manifest["options"]["quick"], true);
  EXPECT_EQ(manifest["options"]["device"], "auto");
  EXPECT_EQ(manifest["inputs"][0]["name"], "images");
  EXPECT_EQ(manifest["inputs"][0]["shape"], json({20, 512}));
  const Matrix<float> images = read_npy_matrix<float>(path("out") / "images.npy");
  Sha256 sha;
  sha.update(images.data(), 20 * 512 * sizeof(float));
  EXPECT_EQ(manifest["inputs"][0]["sha256"], to_hex(sha.digest()));
  EXPECT_EQ(results["rows"].size(), 3u);
  EXPECT_EQ(results["rows"][2]["dim"], 8);
  EXPECT_EQ(results["smallest_dim"], 64);
  EXPECT_EQ(read_bytes(path("out") / "results.csv"), "dim,pairs,note\n32,20,\n16,20,\n8,20,\n");
}

TEST_F(ProgramTest, FindsTheDataOrSaysThatItIsSynthetic) {
  std::filesystem::create_directory(path("coco500"));
  Matrix<float> images(3, 4), texts(3, 4);
  for (int i = 0; i < 3; ++i) images(i, i) = texts(i, 3 - i) = 2;
  write_npy(path("coco500/image_embeddings.npy"), images);
  write_npy(path("coco500/text_embeddings.npy"), texts);
  const Result real = run({"--out", out()}, RLIM_INFINITY, path("").c_str());
  ASSERT_EQ(real.status, 0) << real.err;
  EXPECT_EQ(real.out.rfind("COCO-500: 3 pairs of dimension 4", 0), 0u) << real.out;
  const json manifest = json::parse(read_bytes(path("out") / "results.json"))["manifest"];
  EXPECT_EQ(manifest["options"]["dims"], json({512, 64}));
  EXPECT_EQ(manifest["inputs"][1]["sha256"], sha256_file(path("coco500/text_embeddings.npy")));
  EXPECT_EQ(manifest["inputs"][1]["shape"], json({3, 4}));

  std::filesystem::remove_all(path("coco500"));
  const Result none = run({"--out", out()}, RLIM_INFINITY, path("").c_str());
  EXPECT_EQ(none.status, 0) << none.err;
  EXPECT_EQ(none.out.rfind("SYNTHETIC pairs: 500", 0), 0u) << none.out;
  EXPECT_HAS(none.out.substr(0, none.out.find('\n')), "no COCO-500 was found");
}

TEST_F(ProgramTest, SaysWhatItIs) {
  const Result help = run({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_HAS(help.out, "--checkpoint");
  const Result version = run({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.out.rfind("toy_study ", 0), 0u);
}

TEST_F(ProgramTest, RefusesWrongUsageWithStatus2) {
  expect_refused({"--dims", "abc"}, 2,
                 "--dims: expected a whole number from 1 to 65536, got 'abc'");
  expect_refused({"--dims", "64,x,16"}, 2, "got 'x'");
  expect_refused({"--dims", "64,0"}, 2, "got '0'");
  expect_refused({"--dims", "6.5"}, 2, "got '6.5'");
  expect_refused({"--dims", "99999999999999999999"}, 2, "got '99999999999999999999'");
  expect_refused({"--device", "tpu"}, 2, "--device: expected one of auto, cpu, cuda, got 'tpu'");
  expect_refused({"--epochs", "0"}, 2, "--epochs: expected a whole number from 1");
  expect_refused({"--threads", "-1"}, 2, "got '-1'");
  expect_refused({"--seed", "x"}, 2, "--seed: expected a whole number");
  expect_refused({"--colour", "red"}, 2, "got --colour red");
  expect_refused({"--images", "a.npy"}, 2, "expected --texts beside --images, got --images alone");
  expect_refused({"--texts", "a.npy"}, 2, "expected --images beside --texts");
  expect_refused({"--pairs", "a.npy", "--images", "b.npy"}, 2, "--pairs");
  expect_refused({"--fail", "usage"}, 2, "expected no failure, got --fail usage");
}

TEST_F(ProgramTest, RefusesACpuTargetThatIsNotThere) {
  std::string names;  // the best last
  for (const std::string& name : cpu_targets()) names = names.empty() ? name : name + ", " + names;
  for (const std::string name : {"x", "sse4", "avx99"}) {
    environment.emplace_back("CLIPK_CPU_TARGET", name);
    expect_refused({"--synthetic", "5"}, 2,
                   "toy_study: CLIPK_CPU_TARGET: expected one of " + names +
                       " (what this processor has), got '" + name + "'\n");
  }
  environment.emplace_back("CLIPK_CPU_TARGET", cpu_targets().back());
  EXPECT_EQ(run({"--synthetic", "5", "--out", out()}).status, 0);
}

TEST_F(ProgramTest, RefusesAnOldProcessorWithStatus2) {
  for (const std::string qemu : {"/usr/bin/qemu-x86_64", "/usr/bin/qemu-x86_64-static"}) {
    if (!std::filesystem::exists(qemu)) continue;
    const Result result =
        test::ChildProgram(qemu, {"-cpu", "Nehalem", TOY_STUDY, "--synthetic", "5", "--out", out()})
            .wait();
    EXPECT_EQ(result.status, 2);
    EXPECT_EQ(result.err,
              "toy_study: expected a processor with AVX2 and FMA (x86-64-v3), got one without\n");
    EXPECT_FALSE(std::filesystem::exists(path("out")));
    return;
  }
  GTEST_SKIP() << "no qemu-x86_64 here";
}

TEST_F(ProgramTest, RefusesBadDataWithStatus1) {
  expect_refused({"--pairs", path("none.npy")}, 1,
                 "none.npy: expected a .npy, .npz, safetensors or IDX file, got No such");
  test::write_bytes(path("half.npy"), "\x93NUMPY\x01");
  expect_refused({"--pairs", path("half.npy")}, 1,
                 "half.npy: expected a .npy file, got a file of 7");
  expect_refused({"--fail", "data"}, 1, "toy: expected a line, got two");
  expect_refused({"--fail", "memory"}, 1, "expected enough memory");
  if (!Context::cuda_available()) {
    expect_refused({"--device", "cuda"}, 1, "--device cuda: expected a usable CUDA GPU, got none");
  }
  expect_refused({}, 1, "expected gnuplot to draw charts (Debian: gnuplot-nox), got No such file",
                 RLIM_INFINITY, "/nonexistent");
}

TEST_F(ProgramTest, RefusesAnOutThatIsNoFolder) {
  test::write_bytes(path("file"), "x");
  for (const std::string& name : {path("file").string(), path("file/below").string()}) {
    const Result result = run({"--synthetic", "5", "--out", name});
    EXPECT_EQ(result.status, 1);
    EXPECT_HAS(result.err, "--out: expected a folder, got " + path("file").string());
  }
  EXPECT_EQ(read_bytes(path("file")), "x");
}

// images.npy is 41,088 bytes, which is beyond both limits; the smaller one leaves no room for a
// picture either. LLVM's OpenMP starts under no limit below 1024.
TEST_F(ProgramTest, FullDiskLeavesNoFiles) {
  for (const rlim_t limit : {1024, 40'000}) {
    const Result full = run({"--synthetic", "20", "--out", out()}, limit);
    EXPECT_EQ(full.status, 1);
    EXPECT_HAS(full.err, "images.npy: expected to write the file, got File too large");
    EXPECT_TRUE(std::filesystem::is_empty(path("out")));
  }
  const Result result = run({"--synthetic", "20", "--out", out()});
  EXPECT_EQ(result.status, 0);
  const std::string before = read_bytes(path("out") / "results.json");
  const Result full = run({"--synthetic", "30", "--out", out()}, 50'000);
  EXPECT_EQ(full.status, 1);
  EXPECT_HAS(full.err, "images.npy: expected to write the file, got File too large");
  EXPECT_EQ(read_bytes(path("out") / "results.json"), before);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path("out")), {}), 4);
}

// What a shell does with the toy's streams and limits.
class ShellTest : public ProgramTest {
 protected:
  Result shell(const std::string& before, const std::string& after,
               const std::string& arguments = "--synthetic 20") {
    return test::ChildProgram("/bin/sh", {"-c", before + " " + TOY_STUDY + " " + arguments +
                                                    " --out " + out() + " " + after})
        .wait();
  }
  json results() const { return json::parse(read_bytes(path("out") / "results.json")); }
};

TEST_F(ShellTest, StreamsThatTakeNothingLoseNoResult) {
  for (const std::string streams :
       {"2>&-", "2>/dev/full", ">&-", ">&- 2>&-", "<&- >&- 2>&-", "--fail part 2>&-"}) {
    std::filesystem::remove_all(path("out"));
    const Result result = shell("exec", streams);
    EXPECT_EQ(result.status, streams.find("part") == streams.npos ? 0 : 3) << streams;
    EXPECT_EQ(results()["rows"].size(), 2u) << streams;
    EXPECT_EQ(read_npy_matrix<float>(path("out") / "images.npy").rows(), 20) << streams;
  }
  // A reader that has seen enough.
  std::filesystem::remove_all(path("out"));
  EXPECT_EQ(shell("", "| true").status, 0);
  for (int tries = 0; tries < 100 && !std::filesystem::exists(path("out/results.json")); ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(results()["rows"].size(), 2u);
}

TEST_F(ShellTest, SaysThatStandardOutputIsFullButKeepsTheResults) {
  const Result result = shell("exec", ">/dev/full");
  EXPECT_EQ(result.status, 3);
  EXPECT_HAS(result.err,
             "toy_study: expected standard output to take all lines, got No space left");
  EXPECT_HAS(result.err, "the results are in " + out());
  EXPECT_EQ(results()["rows"].size(), 2u);
}

TEST_F(ShellTest, NeedsFewDescriptorsForManyFiles) {
  const Result result = shell("ulimit -n 32; exec", "", "--synthetic 20 --files 200");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path("out/more")), {}), 200);
}

TEST_F(ProgramTest, LeavesOutWhatFailsAndSaysSo) {
  const Result result = run({"--synthetic", "20", "--out", out(), "--fail", "both"});
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.err,
            "left out: a part: toy: expected a part, got none\n"
            "left out: toy.png: expected enough memory, got none\n");
  const json results = json::parse(read_bytes(path("out") / "results.json"));
  EXPECT_EQ(results["failed"],
            json::parse(R"([{"what": "a part", "reason": "toy: expected a part, got none"},
                            {"what": "toy.png", "reason": "expected enough memory, got none"}])"));
  EXPECT_EQ(results["rows"].size(), 2u);
  EXPECT_TRUE(std::filesystem::exists(path("out/images.npy")));
  EXPECT_FALSE(std::filesystem::exists(path("out/toy.png")));
  EXPECT_EQ(results["manifest"]["files"], json({"images.npy", "results.csv", "results.json"}));
  EXPECT_EQ(run({"--synthetic", "20", "--out", out()}).status, 0);
  EXPECT_EQ(json::parse(read_bytes(path("out") / "results.json"))["failed"], json::array());
}

TEST_F(ProgramTest, ALaterRunTakesThePlaceOfAnEarlierOne) {
  ASSERT_EQ(run({"--synthetic", "20", "--out", out(), "--files", "3"}).status, 0);
  test::write_bytes(path("out/more/notes.txt"), "mine");
  test::write_bytes(path("out/mine.npy"), "mine");
  // What a killed run leaves.
  std::filesystem::create_directories(path("out/.clipk-partial/more"));
  test::write_bytes(path("out/.clipk-partial/more/9.npy"), "half");
  ASSERT_EQ(run({"--synthetic", "20", "--out", out(), "--files", "1"}).status, 0);
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::recursive_directory_iterator(path("out"))) {
    names.push_back(std::filesystem::relative(file.path(), path("out")).string());
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names,
            (std::vector<std::string>{"images.npy", "mine.npy", "more", "more/0.npy",
                                      "more/notes.txt", "results.csv", "results.json", "toy.png"}));
}

// A list that leads out of the folder is not followed.
TEST_F(ProgramTest, RemovesOnlyWhatLiesInTheFolder) {
  test::write_bytes(path("precious"), "x");
  std::filesystem::create_directory(path("out"));
  const json old{{"manifest",
                  {{"program", "toy_study"},
                   {"files", {"../precious", path("precious").string(), "", ".", 7}}}}};
  test::write_bytes(path("out/results.json"), old.dump());
  EXPECT_EQ(run({"--synthetic", "20", "--out", out()}).status, 0);
  EXPECT_EQ(read_bytes(path("precious")), "x");
}

TEST_F(ProgramTest, RefusesAFolderInThePlaceOfItsResultsBeforeTheWork) {
  std::filesystem::create_directories(path("out/results.json"));
  const Result result = run({"--synthetic", "20", "--out", out(), "--wait", "work"});
  EXPECT_EQ(result.status, 1);
  EXPECT_HAS(result.err, "results.json: expected a place for a file, got a directory");
}

// A link in the place of an output is replaced, not followed.
TEST_F(ProgramTest, WritesThroughNoLink) {
  test::write_bytes(path("precious"), "x");
  std::filesystem::create_directory(path("out"));
  std::filesystem::create_symlink(path("precious"), path("out/images.npy"));
  std::filesystem::create_symlink(path("precious"), path("out/results.json"));
  EXPECT_EQ(run({"--synthetic", "20", "--out", out()}).status, 0);
  EXPECT_EQ(read_bytes(path("precious")), "x");
  EXPECT_FALSE(std::filesystem::is_symlink(path("out/images.npy")));
}

TEST_F(ProgramTest, ASignalEndsItWithItsStatus) {
  for (const auto& [signal, name] :
       {std::pair{SIGINT, "SIGINT"}, {SIGTERM, "SIGTERM"}, {SIGHUP, "SIGHUP"}}) {
    for (const std::string where : {"fit", "work"}) {
      const auto began = std::chrono::steady_clock::now();
      test::ChildProgram program(TOY_STUDY, {"--synthetic", "20", "--wait", where, "--out", out(),
                                             "--checkpoint", path("save")});
      program.wait_for_error("waiting\n");
      program.kill(signal);
      const Result result = program.wait();
      EXPECT_EQ(result.status, 128 + signal);
      EXPECT_EQ(result.err, "waiting\ntoy_study: stopped by " + std::string(name) +
                                "; the same command goes on from " + path("save").string() + "\n");
      EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
      EXPECT_FALSE(std::filesystem::exists(path("out")));
    }
  }
}

TEST_F(ProgramTest, ASignalWaitsForResultsThatAreBeingWritten) {
  test::ChildProgram program(TOY_STUDY, {"--synthetic", "20", "--wait", "write", "--out", out()});
  program.wait_for_error("waiting\n");
  program.kill(SIGTERM);
  const Result result = program.wait();
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.err, "waiting\n");
  EXPECT_EQ(read_bytes(path("out/slow")), "slow");
  EXPECT_TRUE(std::filesystem::exists(path("out/results.json")));
}

TEST_F(ProgramTest, ASecondSignalDoesNotWait) {
  test::ChildProgram program(TOY_STUDY, {"--synthetic", "20", "--wait", "write", "--out", out()});
  program.wait_for_error("waiting\n");
  program.kill(SIGTERM);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  program.kill(SIGINT);
  EXPECT_EQ(program.wait().status, 128 + SIGTERM);
  EXPECT_FALSE(std::filesystem::exists(path("out/results.json")));
}

TEST_F(ShellTest, NohupIsObeyed) {
  const Result result = shell(
      "trap '' HUP; (sleep 0.3; pkill -HUP -P $$ toy_study; sleep 0.3; pkill -TERM -P $$ toy_study)"
      " &",
      "; exit $?", "--synthetic 20 --wait work");
  EXPECT_EQ(result.status, 128 + SIGTERM) << result.err;
}

}  // namespace
}  // namespace clipk
