// The same bytes for any number of threads, and after kill -9.
#include <chrono>
#include <thread>

#include "examples/factor/factor_files.hpp"

namespace clipk::test {
namespace {

class FactorResumeTest : public FactorTest {
 protected:
  std::vector<std::string> slow() const {
    return with(toy(), {"--epochs", "300", "--iin-epochs", "300"});
  }
  // Kills a run with a checkpoint as soon as this training has saved its progress.
  void kill_in(const std::string& part) const {
    ChildProgram program(FACTOR_STUDY,
                         with(slow(), {"--out", path("out"), "--checkpoint", path("c")}));
    while (!std::filesystem::exists(path("c." + part)) && program.running()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    program.kill();
    ASSERT_EQ(program.wait().status, -9) << "met " << part << " too late";
    ASSERT_FALSE(std::filesystem::exists(path("out")));
  }
};

TEST_F(FactorResumeTest, ThreadsChangeNothing) {
  ASSERT_NO_FATAL_FAILURE(run_into("one", toy()));
  ASSERT_NO_FATAL_FAILURE(run_into("two", with(toy(), {"--threads", "2"})));
  expect_same_run("one", "two");
  EXPECT_EQ(read_bytes(path("one/iin.clipk")), read_bytes(path("two/iin.clipk")));
  ASSERT_NO_FATAL_FAILURE(run_into("seed", with(toy(), {"--seed", "1"})));
  EXPECT_NE(read_bytes(path("one/codes.npy")), read_bytes(path("seed/codes.npy")));
}

TEST_F(FactorResumeTest, KilledAndResumed) {
  ASSERT_NO_FATAL_FAILURE(run_into("whole", slow()));
  ASSERT_NO_FATAL_FAILURE(kill_in("stage"));
  ASSERT_NO_FATAL_FAILURE(kill_in("iin"));
  const ProgramResult resumed =
      run(with(slow(), {"--out", path("out"), "--checkpoint", path("c"), "--threads", "2"}));
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  expect_same_run("whole", "out");

  const ProgramResult other =
      run(with(slow(), {"--out", path("other"), "--checkpoint", path("c"), "--rho", ".5"}));
  EXPECT_EQ(other.status, kData);
  EXPECT_HAS(other.err, "expected a checkpoint of this run, got one of --rho -1, here 0.5");
  EXPECT_FALSE(std::filesystem::exists(path("other")));
}

}  // namespace
}  // namespace clipk::test
