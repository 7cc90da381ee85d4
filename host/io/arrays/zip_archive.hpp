#pragma once

#include <zip.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/input_file.hpp"

namespace clipk::io {

/// A zip archive, opened for reading by libzip. Members that share bytes are refused: a small file
/// could have any number of them.
class ZipArchive {
 public:
  struct Member {
    std::string name;
    zip_uint64_t index = 0;
  };

  explicit ZipArchive(const std::filesystem::path& path);

  const InputFile& file() const { return file_; }
  const std::vector<Member>& members() const { return members_; }
  /// The unpacked bytes of a member, whose size in the archive's directory was checked.
  /// @param name for messages
  std::unique_ptr<Source> open(const Member& member, const std::string& name);

 private:
  struct Discard {
    void operator()(zip_t* zip) const { zip_discard(zip); }
  };

  InputFile file_;
  std::unique_ptr<zip_t, Discard> zip_;
  std::vector<Member> members_;
};

}  // namespace clipk::io
