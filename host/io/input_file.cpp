#include "io/input_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace clipk::io {

InputFile::InputFile(const std::filesystem::path& path, const char* what) : Source(path.string()) {
  // Opens without blocking, so that a pipe without a writer is refused instead of waited for.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) fail(what, std::strerror(errno));
  struct stat status {};
  const bool known = ::fstat(descriptor_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    fail(what, known && S_ISDIR(status.st_mode) ? "a directory" : "a special file");
  }
  size_ = status.st_size;
}

InputFile::~InputFile() {
  ::close(descriptor_);
}

void InputFile::read(void* data, std::size_t bytes) {
  char* next = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t got = ::read(descriptor_, next, bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      fail(std::to_string(bytes) + " more bytes", got < 0 ? std::strerror(errno) : "the end");
    }
    next += got;
    bytes -= static_cast<std::size_t>(got);
  }
}

int InputFile::duplicate() const {
  const int copy = ::fcntl(descriptor_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) fail("one more open file", std::strerror(errno));
  return copy;
}

void InputFile::seek(std::int64_t offset) {
  if (::lseek(descriptor_, offset, SEEK_SET) != offset) {
    fail("to read from byte " + std::to_string(offset), std::strerror(errno));
  }
}

}  // namespace clipk::io
