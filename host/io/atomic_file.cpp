#include "clipk/io/atomic_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "clipk/core/error.hpp"

namespace clipk {
namespace {

constexpr int kMaximumWriters = 100;  // of one target at the same time

// A rename would replace the entry of a directory or a device, so only a regular file may be
// the target.
std::filesystem::path resolved(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::path target =
      std::filesystem::is_symlink(path, error) ? std::filesystem::weakly_canonical(path) : path;
  const auto status = std::filesystem::status(target, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw FileError(path.string() + ": expected a regular file to write, got " +
                    (std::filesystem::is_directory(status) ? "a directory" : "a special file"));
  }
  if (target.filename().empty()) {
    throw Error("expected the name of a file to write, got '" + path.string() + "'");
  }
  return target;
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& path) : path_(resolved(path)) {
  open_temporary();
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::unlink(temporary_.c_str());  // before the lock goes with the descriptor
  ::close(descriptor_);
}

void AtomicFile::fail(int error) const {
  throw FileError(path_.string() + ": expected to write the file, got " + std::strerror(error));
}

void AtomicFile::open_temporary() {
  for (int attempt = 0; attempt < kMaximumWriters; ++attempt) {
    const std::string suffix = attempt == 0 ? ".tmp" : ".tmp" + std::to_string(attempt);
    temporary_ = path_.parent_path() / ("." + path_.filename().string() + suffix);
    int descriptor =
        ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    const bool made = descriptor >= 0;
    if (!made) {
      if (errno != EEXIST) fail(errno);
      descriptor = ::open(temporary_.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
      if (descriptor < 0) continue;  // gone again, or not writable for us
    }
    // The lock distinguishes the temporary file of a live writer from one that a killed process
    // left. A writer that ended between our open and our lock has renamed or removed the file that
    // we hold.
    struct stat held {};
    struct stat named {};
    // Some network file systems have no locks; there we assume that nobody else writes this file.
    const bool locked = ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    // Never writes to a link, a pipe or another user's file that was there before.
    const bool ours =
        locked && ::fstat(descriptor, &held) == 0 &&
        (made || (S_ISREG(held.st_mode) && held.st_uid == ::geteuid() && held.st_nlink == 1)) &&
        ::lstat(temporary_.c_str(), &named) == 0 && held.st_ino == named.st_ino &&
        held.st_dev == named.st_dev;
    if (!ours) {
      ::close(descriptor);
      continue;
    }
    descriptor_ = descriptor;
    if (::ftruncate(descriptor_, 0) != 0) {
      const int error = errno;
      ::unlink(temporary_.c_str());
      ::close(descriptor_);
      fail(error);
    }
    return;
  }
  fail(EBUSY);
}

void AtomicFile::write(const void* data, std::size_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, next, bytes);
    if (written < 0) {
      if (errno == EINTR) continue;
      fail(errno);
    }
    next += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::flush() {
  if (::fsync(descriptor_) != 0) fail(errno);
}

void AtomicFile::commit() {
  flush();
  struct stat old {};
  if (::stat(path_.c_str(), &old) == 0 && ::fchmod(descriptor_, old.st_mode & 07777) != 0) {
    fail(errno);
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail(errno);
  ::close(descriptor_);
  descriptor_ = -1;
  // The rename itself is made durable too; a file system that does not support this is no reason
  // to fail.
  const std::filesystem::path folder = path_.has_parent_path() ? path_.parent_path() : ".";
  const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0) {
    ::fsync(directory);
    ::close(directory);
  }
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

}  // namespace clipk
