#include "study/subprocess.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "clipk/core/error.hpp"

extern char** environ;

namespace clipk::study {
namespace {

// Bytes in memory behind a file descriptor.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("clipk", MFD_CLOEXEC)) {
    if (descriptor_ < 0) fail();
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(descriptor_); }
  int descriptor() const { return descriptor_; }
  void fill(const std::string& text) const {
    for (std::size_t at = 0; at < text.size();) {
      const ssize_t written =
          ::pwrite(descriptor_, text.data() + at, text.size() - at, static_cast<off_t>(at));
      if (written <= 0) fail();
      at += static_cast<std::size_t>(written);
    }
  }
  std::string content() const {
    const off_t size = ::lseek(descriptor_, 0, SEEK_END);
    std::string text(static_cast<std::size_t>(std::max<off_t>(size, 0)), '\0');
    const ssize_t got = ::pread(descriptor_, text.data(), text.size(), 0);
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return text;
  }

 private:
  [[noreturn]] static void fail() {
    throw Error(fmt::format("expected memory for a chart, got {}", std::strerror(errno)));
  }
  int descriptor_;
};

}  // namespace

Ran run_program(std::vector<std::string> command, const std::string& input) {
  const MemoryFile in, out, err;
  in.fill(input);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.descriptor(), 0);
  ::posix_spawn_file_actions_adddup2(&actions, out.descriptor(), 1);
  ::posix_spawn_file_actions_adddup2(&actions, err.descriptor(), 2);
  std::vector<char*> arguments;
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  // Signals end it as they would end it alone, whatever this program makes of them.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none, pipe;
  ::sigemptyset(&none);
  ::sigemptyset(&pipe);
  ::sigaddset(&pipe, SIGPIPE);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &pipe);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  Ran ran;
  pid_t child = 0;
  ran.error =
      ::posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (ran.error != 0) return ran;
  while (::waitpid(child, &ran.status, 0) < 0 && errno == EINTR) {
  }
  ran.out = out.content();
  ran.err = err.content();
  return ran;
}

}  // namespace clipk::study
