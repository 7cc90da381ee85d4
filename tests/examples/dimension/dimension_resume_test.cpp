// The same bytes for any number of threads, and after kill -9.
#include <chrono>
#include <thread>

#include "examples/dimension/dimension_files.hpp"

namespace clipk::test {
namespace {

class ResumeTest : public DimensionTest {
 protected:
  // Fits long enough to be met on the way.
  std::vector<std::string> slow() const {
    return with(toy(), {"--methods", "pca,isotonic", "--epochs", "60", "--splits", "1"});
  }
  // Kills a run with a checkpoint as soon as this fit has saved its progress.
  void kill_in(const std::string& fit) const {
    ChildProgram program(DIMENSION_STUDY,
                         with(slow(), {"--out", path("out"), "--checkpoint", path("c")}));
    while (!std::filesystem::exists(path("c." + fit + ".fit")) && program.running()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    program.kill();
    ASSERT_EQ(program.wait().status, -9) << "met " << fit << " too late";
    ASSERT_FALSE(std::filesystem::exists(path("out")));
  }
};

TEST_F(ResumeTest, ThreadsChangeNothing) {
  ASSERT_NO_FATAL_FAILURE(run_into("one", toy()));
  ASSERT_NO_FATAL_FAILURE(run_into("two", with(toy(), {"--threads", "2"})));
  expect_same_run("one", "two");
  ASSERT_NO_FATAL_FAILURE(run_into("seed", with(toy(), {"--seed", "1"})));
  EXPECT_NE(read_bytes(path("one/images_isotonic_8.npy")),
            read_bytes(path("seed/images_isotonic_8.npy")));
}

TEST_F(ResumeTest, KilledTwiceAndResumed) {
  ASSERT_NO_FATAL_FAILURE(run_into("whole", slow()));
  ASSERT_NO_FATAL_FAILURE(kill_in("isotonic-8-all"));
  std::filesystem::copy(path("c.isotonic-8-all.fit"), path("stale"));
  ASSERT_NO_FATAL_FAILURE(kill_in("isotonic-4-all"));
  // As if the first kill had come between the end of a fit and the removal of its progress.
  std::filesystem::copy(path("stale"), path("c.isotonic-8-all.fit"));
  std::filesystem::remove(path("stale"));

  const ProgramResult resumed =
      run(with(slow(), {"--out", path("out"), "--checkpoint", path("c"), "--threads", "2"}));
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(resumed.err.rfind("4/8 isotonic 4 all pairs", 0), 0u) << resumed.err;  // the rest alone
  expect_same_run("whole", "out");
  EXPECT_EQ(names(""), (std::vector<std::string>{"c", "i.npy", "out", "t.npy", "whole"}));

  // A finished study is read, not fitted again.
  const ProgramResult again =
      run(with(slow(), {"--out", path("again"), "--checkpoint", path("c")}));
  ASSERT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(again.err, "");
  expect_same_run("whole", "again");
}

TEST_F(ResumeTest, RefusesADamagedFitAndAnotherOne) {
  ASSERT_NO_FATAL_FAILURE(kill_in("isotonic-8-all"));
  const std::string fit = path("c.isotonic-8-all.fit");
  const std::string bytes = read_bytes(fit);
  const auto message = [&](const std::vector<std::string>& more) {
    const ProgramResult result =
        run(with(with(slow(), {"--out", path("out"), "--checkpoint", path("c")}), more));
    EXPECT_EQ(result.status, 1);
    EXPECT_FALSE(std::filesystem::exists(path("out")));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    return result.err;
  };
  write_bytes(fit, bytes.substr(0, bytes.size() / 2));
  EXPECT_HAS(message({}), fit + ": expected ");
  write_bytes(fit, bytes);
  std::filesystem::remove(path("c"));
  std::filesystem::remove(fit + ".inner");
  EXPECT_HAS(message({"--methods", "isotonic", "--epochs", "50"}),
             fit + ": expected a checkpoint of isotonic neural_mds 16-");
}

// The maps are fitted again where their codes come from the checkpoint.
TEST_F(ResumeTest, ACheckpointGivesTheSameMaps) {
  const std::vector<std::string> options =
      with(toy(), {"--methods", "pca,paired", "--holdout", "0", "--checkpoint", path("maps")});
  for (const char* out : {"first", "again"}) ASSERT_NO_FATAL_FAILURE(run_into(out, options));
  for (const char* map : {"map_pca.clipk", "map_paired_8.clipk", "map_paired_4.clipk"}) {
    EXPECT_EQ(read_bytes(path("first") / map), read_bytes(path("again") / map)) << map;
  }
}

}  // namespace
}  // namespace clipk::test
