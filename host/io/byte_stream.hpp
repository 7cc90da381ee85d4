#pragma once

#include <zlib.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "io/input_file.hpp"

namespace clipk::io {

/// The content of a regular file, inflated where its first bytes are those of gzip. Read front to
/// back, in memory that does not depend on the file's size.
class ByteStream {
 public:
  /// @param what names the kind of file in messages, as "an IDX file".
  ByteStream(const std::filesystem::path& path, const char* what);
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;
  ~ByteStream();

  /// For messages, and the size on disk.
  const InputFile& file() const { return file_; }
  bool compressed() const { return compressed_; }
  /// Reads up to `size` bytes; fewer only at the end. The end of a gzip stream is reached, and its
  /// checksum compared, when a read gives fewer.
  std::size_t read(void* data, std::size_t bytes);

 private:
  void refill();
  bool next_member();

  InputFile file_;
  std::int64_t left_;                  // bytes not yet read from the file
  std::vector<unsigned char> buffer_;  // as in the file
  std::size_t begin_ = 0, end_ = 0;    // of the unused bytes in the buffer
  bool compressed_ = false;
  bool ended_ = false;  // the last gzip member
  z_stream inflate_{};
};

}  // namespace clipk::io
