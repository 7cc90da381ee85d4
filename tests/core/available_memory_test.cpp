#include "core/available_memory.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace clipk::test {
namespace {

namespace fs = std::filesystem;

class AvailableMemory : public ::testing::Test {
 protected:
  AvailableMemory()
      : root_(fs::temp_directory_path() /
              ("clipk_available_memory_" +
               std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()))) {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~AvailableMemory() override { fs::remove_all(root_); }
  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  const fs::path root_;
};

TEST_F(AvailableMemory, IsWhatTheSystemHasToSpare) {
  EXPECT_FALSE(available_memory(root_));
  write("proc/meminfo", "MemTotal:       1000 kB\nMemFree:  10 kB\nMemAvailable:    500 kB\n");
  EXPECT_EQ(available_memory(root_), 500u * 1024);
  write("proc/self/cgroup", "0::/\n");  // a group without a limit
  EXPECT_EQ(available_memory(root_), 500u * 1024);
}

TEST_F(AvailableMemory, IsNoMoreThanAGroupOrOneAboveItLeaves) {
  write("proc/meminfo", "MemAvailable: 500 kB\n");
  write("proc/self/cgroup", "0::/outer/inner\n");
  write("sys/fs/cgroup/outer/inner/memory.max", "max\n");
  write("sys/fs/cgroup/outer/inner/memory.current", "70000\n");
  write("sys/fs/cgroup/outer/memory.max", "100000\n");
  write("sys/fs/cgroup/outer/memory.current", "80000\n");
  EXPECT_EQ(available_memory(root_), 20000u);
  write("sys/fs/cgroup/outer/memory.stat", "anon 1\ninactive_file 30000\n");  // can be given up
  EXPECT_EQ(available_memory(root_), 50000u);
  write("sys/fs/cgroup/outer/inner/memory.max", "70000\n");
  EXPECT_EQ(available_memory(root_), 0u);
}

TEST_F(AvailableMemory, ReadsTheFirstVersionOfGroupsToo) {
  write("proc/meminfo", "MemAvailable: 500 kB\n");
  write("proc/self/cgroup", "5:devices:/x\n4:memory:/box\n0::/\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "40000\n");  // as a container sees its own
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "10000\n");
  EXPECT_EQ(available_memory(root_), 30000u);
  write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "10000\n");
  EXPECT_EQ(available_memory(root_), 30000u);
}

}  // namespace
}  // namespace clipk::test
