#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "io/source.hpp"

namespace clipk::io {

/// A regular file; its size is the one when it was opened.
class InputFile : public Source {
 public:
  /// @param what names the kind of file in messages, as "a .npy file".
  InputFile(const std::filesystem::path& path, const char* what);
  ~InputFile() override;

  void read(void* data, std::size_t bytes) override;
  /// The next byte read is the one at `offset` from the start.
  void seek(std::int64_t offset);
  /// Another descriptor of the open file, at the same position. The caller closes it.
  int duplicate() const;

 private:
  int descriptor_ = -1;
};

}  // namespace clipk::io
