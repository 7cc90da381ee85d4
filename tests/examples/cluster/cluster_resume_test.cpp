// The same bytes for any number of threads, and after kill -9.
#include <chrono>
#include <thread>

#include "examples/cluster/cluster_files.hpp"

namespace clipk::test {
namespace {

class ClusterResumeTest : public ClusterTest {
 protected:
  std::vector<std::string> slow() const {
    return with(toy(), {"--epochs", "400", "--seeds", "1", "--methods", "kmeans,autoencoder,dec"});
  }
  // Kills a run with a checkpoint as soon as this part has saved its progress.
  void kill_in(const std::string& part) const {
    ChildProgram program(CLUSTER_STUDY,
                         with(slow(), {"--out", path("out"), "--checkpoint", path("c")}));
    const auto saved = [&] {
      const std::vector<std::string> files = names("");
      return std::any_of(files.begin(), files.end(), [&](const std::string& name) {
        return name.starts_with("c." + part) && name.ends_with(".fit");
      });
    };
    while (!saved() && program.running()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    program.kill();
    ASSERT_EQ(program.wait().status, -9) << "met " << part << " too late";
    ASSERT_FALSE(std::filesystem::exists(path("out")));
  }
};

TEST_F(ClusterResumeTest, ThreadsChangeNothing) {
  ASSERT_NO_FATAL_FAILURE(run_into("one", toy()));
  ASSERT_NO_FATAL_FAILURE(run_into("two", with(toy(), {"--threads", "2"})));
  expect_same_run("one", "two");
  ASSERT_NO_FATAL_FAILURE(run_into("seed", with(toy(), {"--seed", "1"})));
  // Seeds count on from --seed: what was run 1 is now run 0 of another study, with the same bytes.
  EXPECT_EQ(read_bytes(path("one/embedding_dec_1.npy")),
            read_bytes(path("seed/embedding_dec_1.npy")));
  EXPECT_NE(read_bytes(path("one/embedding_dec_0.npy")),
            read_bytes(path("seed/embedding_dec_1.npy")));
}

TEST_F(ClusterResumeTest, KilledAndResumed) {
  ASSERT_NO_FATAL_FAILURE(run_into("whole", slow()));
  ASSERT_NO_FATAL_FAILURE(kill_in("network-0"));
  ASSERT_NO_FATAL_FAILURE(kill_in("tsne"));
  const ProgramResult resumed =
      run(with(slow(), {"--out", path("out"), "--checkpoint", path("c"), "--threads", "2"}));
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(resumed.err.rfind("4/4 t-SNE", 0), 0u) << resumed.err;  // the rest alone
  expect_same_run("whole", "out");
  EXPECT_EQ(names(""), (std::vector<std::string>{"c", "out", "whole", "x.npy", "y.npy"}));

  const ProgramResult other =
      run(with(slow(), {"--out", path("other"), "--checkpoint", path("c"), "--restarts", "4"}));
  EXPECT_EQ(other.status, 1);
  EXPECT_HAS(other.err, "expected a checkpoint of this run, got one of --restarts 3, here 4");
  EXPECT_FALSE(std::filesystem::exists(path("other")));
}

}  // namespace
}  // namespace clipk::test
