#include "clipk/io/atomic_file.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "clipk/io/npy.hpp"
#include "io/files.hpp"
#include "support/arrays.hpp"
#include "support/error_of.hpp"

namespace clipk {
namespace {

using test::error_of;
using test::read_bytes;
using test::write_bytes;

class AtomicFileTest : public test::FileTest {};

// The message of the Error that `work` throws in a child whose files may not pass `limit` bytes,
// which is what a full disk looks like.
std::string error_on_full_disk(rlim_t limit, const std::function<void()>& work) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit files{limit, limit};
    ::setrlimit(RLIMIT_FSIZE, &files);
    std::string message = "no error";
    try {
      work();
    } catch (const Error& error) {
      message = error.what();
    }
    const ssize_t written = ::write(ends[1], message.data(), message.size());
    ::_exit(written == static_cast<ssize_t>(message.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string message;
  char buffer[512];
  for (ssize_t got; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    message.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  return message;
}

TEST_F(AtomicFileTest, AppearsOnlyWithCommit) {
  write_bytes(path("a"), "old");
  {
    AtomicFile file(path("a"));
    file.write("new");
    EXPECT_EQ(read_bytes(path("a")), "old");
    file.commit();
    EXPECT_EQ(read_bytes(path("a")), "new");
  }
  {
    AtomicFile file(path("a"));
    file.write("abandoned");
  }
  EXPECT_EQ(read_bytes(path("a")), "new");
  EXPECT_EQ(file_count(), 1u);
}

TEST_F(AtomicFileTest, FullDiskKeepsTheOldFileAndLeavesNothing) {
  write_bytes(path("a.npy"), "old");
  for (const rlim_t limit : {0, 1, 200, 4095}) {
    const std::string message =
        error_on_full_disk(limit, [&] { write_npy(path("a.npy"), std::vector<float>(1024)); });
    EXPECT_EQ(message, path("a.npy").string() + ": expected to write the file, got File too large");
    EXPECT_EQ(read_bytes(path("a.npy")), "old");
    EXPECT_EQ(file_count(), 1u);
  }
  EXPECT_HAS(error_on_full_disk(100, [&] { write_file(path("b"), std::string(101, 'x')); }),
             "File too large");
  EXPECT_FALSE(std::filesystem::exists(path("b")));
  EXPECT_EQ(error_on_full_disk(100, [&] { write_file(path("b"), std::string(100, 'x')); }),
            "no error");
}

TEST_F(AtomicFileTest, RefusesWhatIsNoRegularFile) {
  EXPECT_HAS(error_of([&] { write_file(path("none/a"), "x"); }), "No such file or directory");
  EXPECT_HAS(error_of([&] { write_file(path(""), "x"); }), "got a directory");
  // A pipe stands for devices: code that is wrong here must not get to rename over /dev/null.
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_HAS(error_of([&] { write_file(path("pipe"), "x"); }),
             "pipe: expected a regular file to write, got a special file");
  EXPECT_TRUE(std::filesystem::is_fifo(path("pipe")));
  EXPECT_HAS(error_of([] { write_file("", "x"); }), "expected the name of a file to write");
  write_bytes(path("file"), "x");
  EXPECT_HAS(error_of([&] { write_file(path("file") / "a", "x"); }), "Not a directory");
}

TEST_F(AtomicFileTest, TakesOverWhatAKilledProcessLeftAndNothingElse) {
  write_bytes(path(".a.tmp"), "half of a file that was being written");
  write_file(path("a"), "whole");
  EXPECT_EQ(read_bytes(path("a")), "whole");
  EXPECT_EQ(file_count(), 1u);

  AtomicFile first(path("a"));
  AtomicFile second(path("a"));  // at the same time: a temporary of its own
  first.write("first");
  second.write("second");
  first.commit();
  EXPECT_EQ(read_bytes(path("a")), "first");
  second.commit();
  EXPECT_EQ(read_bytes(path("a")), "second");
  EXPECT_EQ(file_count(), 1u);
}

// In a folder that others write in, the temporary's name may have been taken on purpose.
TEST_F(AtomicFileTest, WritesToNothingPlantedUnderTheTemporaryName) {
  write_bytes(path("precious"), "x");
  std::filesystem::create_symlink(path("precious"), path(".a.tmp"));
  std::filesystem::create_hard_link(path("precious"), path(".a.tmp1"));
  ASSERT_EQ(::mkfifo(path(".a.tmp2").c_str(), 0666), 0);
  std::filesystem::create_directory(path(".a.tmp3"));
  write_file(path("a"), "new");
  EXPECT_EQ(read_bytes(path("a")), "new");
  EXPECT_EQ(read_bytes(path("precious")), "x");
  EXPECT_TRUE(std::filesystem::is_symlink(path(".a.tmp")));
  EXPECT_FALSE(std::filesystem::exists(path(".a.tmp4")));
}

TEST_F(AtomicFileTest, KeepsPermissionsAndLinks) {
  write_bytes(path("a"), "old");
  ASSERT_EQ(::chmod(path("a").c_str(), 0640), 0);
  std::filesystem::create_symlink("a", path("link"));
  write_file(path("link"), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(path("link")));
  EXPECT_EQ(read_bytes(path("a")), "new");
  struct stat status {};
  ASSERT_EQ(::stat(path("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(path(""));
  write_file("plain", "x");  // a name without a folder
  std::filesystem::current_path(before);
  EXPECT_EQ(read_bytes(path("plain")), "x");
}

}  // namespace
}  // namespace clipk
