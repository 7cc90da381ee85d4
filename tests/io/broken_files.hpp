#pragma once

#include <filesystem>
#include <string>

#include "clipk/core/error.hpp"
#include "io/files.hpp"

namespace clipk::test {

/// Reads copies of a file that are cut anywhere, and copies in which any one byte is another: each
/// read gives an Error of one line that names the file, or returns; nothing else is thrown.
/// @param copy where they are written
/// @param read(path)
template <class Read>
void expect_survives_broken_bytes(const std::filesystem::path& whole,
                                  const std::filesystem::path& copy, Read read) {
  const std::string bytes = read_bytes(whole);
  int errors = 0;
  const auto survives = [&](const std::string& broken) {
    write_bytes(copy, broken);
    try {
      read(copy);
    } catch (const Error& error) {
      ++errors;
      const std::string message = error.what();
      EXPECT_NE(message.find(": expected "), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
  };
  for (std::size_t size = 0; size < bytes.size(); ++size) survives(bytes.substr(0, size));
  EXPECT_GT(errors, 0);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int flip : {0x01, 0x80, 0xFF}) {
      std::string broken = bytes;
      broken[at] = static_cast<char>(broken[at] ^ flip);
      survives(broken);
    }
  }
}

}  // namespace clipk::test
