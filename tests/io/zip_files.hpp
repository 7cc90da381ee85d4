#pragma once

#include <gtest/gtest.h>
#include <zip.h>

#include <filesystem>
#include <string>
#include <vector>

namespace clipk::test {

struct ZipMember {
  std::string name, content;
  zip_int32_t method = ZIP_CM_DEFLATE;
};

inline void write_zip(const std::filesystem::path& path, const std::vector<ZipMember>& members) {
  zip_t* zip = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  ASSERT_NE(zip, nullptr);
  for (const ZipMember& member : members) {
    zip_source_t* source = zip_source_buffer(zip, member.content.data(), member.content.size(), 0);
    const zip_int64_t index = zip_file_add(zip, member.name.c_str(), source, 0);
    ASSERT_GE(index, 0);
    zip_set_file_compression(zip, static_cast<zip_uint64_t>(index), member.method, 0);
  }
  ASSERT_EQ(zip_close(zip), 0);
}

/// A .npy file of float32 zeros of shape (rows, 1), which packs to a thousandth of its size.
inline std::string npy_of_zeros(std::size_t rows) {
  std::string bytes = "\x93NUMPY\x01";
  bytes += std::string("\0\x76\0", 3);
  bytes += "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", 1), }";
  bytes.resize(127, ' ');
  bytes += '\n';
  bytes.resize(bytes.size() + 4 * rows);
  return bytes;
}

}  // namespace clipk::test
