#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>
#include <type_traits>

// The bytes of an archive, for its writer and its reader:
//   magic, u32 container, kind, u32 version, u32 entries,
//   of each entry: name, u8 type, u8 rank, u64 rows, u64 cols, values row by row,
//   SHA-256 of all before
// Texts stand behind their u32 length.
namespace clipk::io {

static_assert(std::endian::native == std::endian::little, "archives are written as memory lies");

inline constexpr std::string_view kMagic{"CLIPK\r\n\x1a", 8};
inline constexpr std::uint32_t kContainer = 1;
inline constexpr std::uint8_t kText = 6;
inline constexpr std::array<const char*, 7> kTypeNames{"float32", "float64", "int32", "int64",
                                                       "uint8",   "uint64",  "text"};
inline constexpr std::array<std::int64_t, 7> kTypeSizes{4, 8, 4, 8, 1, 8, 1};
inline constexpr std::array<const char*, 3> kRankNames{"number", "vector", "matrix"};

/// The number that a file has for a type; kText is the last.
template <class T>
constexpr std::uint8_t type_of() {
  if constexpr (std::is_same_v<T, float>) return 0;
  if constexpr (std::is_same_v<T, double>) return 1;
  if constexpr (std::is_same_v<T, std::int32_t>) return 2;
  if constexpr (std::is_same_v<T, std::int64_t>) return 3;
  if constexpr (std::is_same_v<T, std::uint8_t>) return 4;
  if constexpr (std::is_same_v<T, std::uint64_t>) return 5;
}

}  // namespace clipk::io
