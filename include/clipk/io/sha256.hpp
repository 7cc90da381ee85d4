#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "clipk/core/view.hpp"

namespace clipk {

/// SHA-256 (FIPS 180-4) of bytes that come in pieces.
class Sha256 {
 public:
  /// 32 bytes, in the order in which they are written down.
  using Digest = std::array<std::uint8_t, 32>;

  /// Appends bytes to the hashed data.
  void update(const void* data, std::size_t bytes);
  /// The digest of all bytes so far. Append nothing after it.
  Digest digest();

 private:
  void block(const std::uint8_t* data);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> pending_{};
  std::uint64_t bytes_ = 0;
};

/// Appends the values of a host matrix row by row; the stride does not matter.
void update_rows(Sha256& hash, MatrixView<const float> rows);

/// 64 lowercase hexadecimal digits.
std::string to_hex(const Sha256::Digest& digest);

/// The digest of a file, in hexadecimal. @throws Error with path and reason.
std::string sha256_file(const std::filesystem::path& path);

}  // namespace clipk
