#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace clipk {

/// A file that appears whole or not at all. Bytes go to a temporary beside the target
/// (".NAME.tmp"); commit() flushes it to the disk and renames it over the target. Without commit()
/// (an exception on the way, a full disk) the temporary is removed and an older target stays as it
/// was. The next writer of the same target reuses a temporary that a killed process left; a link,
/// another user's file or anything else under its name is left alone. If the target is a symbolic
/// link, the file it points to is replaced; anything else that is not a regular file is refused.
class AtomicFile {
 public:
  /// @throws Error with path and reason if the temporary cannot be created.
  explicit AtomicFile(const std::filesystem::path& path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// The path of the file once it is committed.
  const std::filesystem::path& path() const { return path_; }
  /// Appends. @throws Error with path and reason, for example on a full disk.
  void write(const void* data, std::size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// Forces the written bytes to the disk; a full disk may only be noticed here.
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
