#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace clipk {

/// A file that appears whole or not at all. Bytes go to a temporary beside the target
/// (".NAME.tmp"); commit() flushes it to the disk and renames it over the target. Without commit()
/// (an exception on the way, a full disk) the temporary is removed and an older target stays as it
/// was. A temporary left by a killed process is taken over by the next writer of the same target;
/// a link, another user's file or anything else under its name is left alone.
/// Where the target is a symbolic link, the file it leads to is replaced; anything else that is not
/// a regular file is refused.
class AtomicFile {
 public:
  /// @throws Error with path and reason where the temporary cannot be made.
  explicit AtomicFile(const std::filesystem::path& path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// Where the file will stand once it is committed.
  const std::filesystem::path& path() const { return path_; }
  /// Appends. @throws Error with path and reason, for example on a full disk.
  void write(const void* data, std::size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// Forces what was written to the disk, where a full one may only now be noticed.
  void flush();
  /// Flushes, and makes the file visible under its name. Nothing may be written after it.
  void commit();

 private:
  [[noreturn]] void fail(int error) const;
  void open_temporary();

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

/// Writes a whole file through AtomicFile.
void write_file(const std::filesystem::path& path, std::string_view content);

}  // namespace clipk
