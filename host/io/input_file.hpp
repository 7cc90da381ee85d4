#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace clipk::io {

/// A regular file that is read front to back. Every failure is an Error with path and reason.
class InputFile {
 public:
  /// @param what names the kind of file in messages, as "a .npy file".
  InputFile(const std::filesystem::path& path, const char* what);
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile();

  const std::string& name() const { return name_; }
  std::int64_t size() const { return size_; }  ///< in bytes, when it was opened
  /// Reads exactly so many bytes.
  void read(void* data, std::size_t bytes);
  /// Throws "PATH: expected EXPECTED, got GOT".
  [[noreturn]] void fail(const std::string& expected, const std::string& got) const;

 private:
  std::string name_;
  std::int64_t size_ = 0;
  int descriptor_ = -1;
};

}  // namespace clipk::io
