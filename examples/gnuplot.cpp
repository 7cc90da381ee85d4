#include "gnuplot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
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

// Bytes in memory behind a file descriptor: no pipe that can fill up, no file that can stay.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("clipk", MFD_CLOEXEC)) {
    if (descriptor_ < 0)
      throw Error(std::string("expected memory for a chart, got ") + std::strerror(errno));
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(descriptor_); }
  int descriptor() const { return descriptor_; }
  void fill(const std::string& text) const {
    if (::pwrite(descriptor_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
      throw Error(std::string("expected memory for a chart, got ") + std::strerror(errno));
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
  int descriptor_;
};

}  // namespace

std::string run_gnuplot(const std::string& script) {
  const MemoryFile in, out, err;
  in.fill(script);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.descriptor(), 0);
  ::posix_spawn_file_actions_adddup2(&actions, out.descriptor(), 1);
  ::posix_spawn_file_actions_adddup2(&actions, err.descriptor(), 2);
  std::string name = "gnuplot";
  char* arguments[] = {name.data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, "gnuplot", &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw Error(fmt::format("expected gnuplot to draw charts (Debian: gnuplot-nox), got {}",
                            std::strerror(error)));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  std::string png = out.content();
  if (status != 0 || png.substr(0, 4) != "\x89PNG") {
    std::string said = err.content();
    for (char& c : said) {
      if (c == '\n' || c == '\r' || c == '\t') c = ' ';
    }
    throw Error(fmt::format("expected a picture from gnuplot, got status {}: {}", status,
                            said.substr(0, 400)));
  }
  return png;
}

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'') result += '\'';
    result += c == '\n' ? ' ' : c;
  }
  return result + "'";
}

void check_charts() {
  run_gnuplot("set terminal pngcairo size 10,10\nplot 0\n");
}

}  // namespace clipk::study
